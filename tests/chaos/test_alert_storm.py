"""A short storm of alerts (`make chaos-alerts` is the long one): what tells of them is killed meanwhile."""

from pathlib import Path

import pytest

from tests.chaos.alerts.run import Plan, storm
from tests.streaming import System

KILLS = 6
PLAN = Plan(seed=3, kills=KILLS, teams=2, projects=1, assumptions=15, pause=0.8)


@pytest.mark.long
async def test_every_alert_arrives_once_known_and_in_order_whatever_is_killed(system: System, tmp_path: Path):
    result = await storm(system, tmp_path, PLAN, lambda _: None)
    assert result.right, {what: lines[:10] for what, lines in result.faults.items() if lines}
    assert result.killed.total() == KILLS
    assert result.reports > PLAN.teams * PLAN.assumptions  # some broke again
    assert result.deliveries["resolved"] > PLAN.assumptions
    assert result.deliveries["reclassified"] > 0
    assert result.answers["204"] < result.requests
    assert result.people.total() > 0
