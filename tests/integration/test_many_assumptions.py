"""Detection on a real database: many assumptions at once, and what an upgrade does to what is remembered."""

import json
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from detectors import fast, plan
from streams.examination import TEST_CHANGED
from tests.integration.test_detection_course import (
    BROKEN,
    KEPT,
    connection,
    day,
    everything,
    examine,
    place,
    reports,
    state,
    write,
)
from tests.world import Place, World

__all__ = ["connection", "place"]


async def test_what_another_method_remembers_is_folded_anew(
    connection: asyncpg.Connection, world: World, place: Place, monkeypatch: pytest.MonkeyPatch
):
    """The days are the same: nothing but the method says that they are to be judged again."""
    await write(connection, place, range(60, 30, -1), KEPT)
    await write(connection, place, range(30, 0, -1), BROKEN)
    await examine(connection, world, place, 1)
    opened = [("OPEN", None)]
    assert await reports(connection) == opened
    (before,) = await connection.fetch("SELECT configuration, detected_at FROM divergence_report")
    # The other method has no fast lane yet when the breach comes: it finds it later.
    monkeypatch.setattr(plan, "METHOD", plan.METHOD + 1)
    monkeypatch.setattr(fast, "LEARNING_DAYS", 1000)
    await examine(connection, world, place, 1)
    assert await reports(connection) == [("SUPERSEDED", TEST_CHANGED), *opened]
    _, after = await connection.fetch("SELECT configuration, detected_at FROM divergence_report ORDER BY 2")
    assert after["configuration"] != before["configuration"]
    assert after["detected_at"] > before["detected_at"]
    stands = await state(connection, place)
    kept = [json.loads(stands["state"]), *json.loads(stands["checkpoints"])]
    assert {each["configuration"] for each in kept} == {after["configuration"]}
    # It is noticed once.
    await examine(connection, world, place, 1)
    assert await state(connection, place) == stands


async def test_what_lasts_from_before_what_is_kept_is_said_by_the_new_method_alone(
    connection: asyncpg.Connection, world: World, place: Place, monkeypatch: pytest.MonkeyPatch
):
    await write(connection, place, range(60, 0, -1), BROKEN)
    await examine(connection, world, place, 1)
    await connection.execute("UPDATE project_watermark SET first_event = $1", day(20))
    monkeypatch.setattr(plan, "METHOD", plan.METHOD + 1)
    await examine(connection, world, place, 1)
    assert await reports(connection) == [("SUPERSEDED", TEST_CHANGED), ("OPEN", None)]


MANY = 12
STATEMENTS = 26
"""Of a letter about an hour, however many assumptions are examined together: not five for each of them."""


@pytest.mark.long
async def test_many_assumptions_are_judged_together_as_they_are_one_by_one(
    connection: asyncpg.Connection, world: World, place: Place, monkeypatch: pytest.MonkeyPatch
):
    await connection.execute(
        """INSERT INTO assumption (org_id, id, project_id, artifact_id, key, statement, metric_name, cohort,
               feature, operator, value, unit, tolerance, tolerance_kind, divergence_type, evidence_tier,
               effective_from, min_users, owner, runbook_url)
           SELECT org_id, gen_random_uuid(), project_id, artifact_id, key || n, '', metric_name,
               CASE n % 3 WHEN 0 THEN '' ELSE cohort END, CASE n % 4 WHEN 0 THEN '' ELSE feature END,
               CASE n % 5 WHEN 0 THEN '<=' ELSE '>=' END, 50 + n, unit, n % 2, tolerance_kind,
               divergence_type, evidence_tier, effective_from + (n % 3) * interval '1 day', 0, '', ''
           FROM assumption, generate_series(2, $2::int) AS n WHERE id = $1""",
        *(place.assumption, MANY),
    )
    await write(connection, place, range(60, 20, -1), KEPT)
    await write(connection, place, range(20, 10, -1), BROKEN)
    await write(connection, place, range(10, 1, -1), KEPT)
    await write(connection, place, [1], BROKEN // 2)

    async def judged(together: int) -> tuple[list[list[dict[str, Any]]], int]:
        monkeypatch.setattr("streams.detect.TOGETHER", together)
        for table in (
            "alert_delivery",
            "report_event",
            "cascade_analysis",
            "divergence_report",
            "detector_state",
        ):
            await connection.execute(f"DELETE FROM {table}")
        for through in (40, 19, 18, 3):
            await examine(connection, world, place, through)
        asked: list[Any] = []
        connection.add_query_logger(asked.append)
        await examine(connection, world, place, 3, changed_from=day(2) + timedelta(hours=11))
        connection.remove_query_logger(asked.append)
        await examine(connection, world, place, 2)
        await examine(connection, world, place, 2, changed_from=day(14))
        return await everything(connection), len(asked)

    alone, _ = await judged(1)
    together, asked = await judged(MANY)
    assert {row["lane"] for row in alone[0]} == {"daily", "fast"}
    assert together == alone
    assert asked <= STATEMENTS
