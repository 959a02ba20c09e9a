"""What a report rests on: named so that anybody can say whether it is the same telemetry."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest

from detectors.assumptions import Assumption
from detectors.course import Evidence
from detectors.series import HourRow
from detectors.tiers import EvidenceTier
from metrics.cell import Cell
from storage.detection import Watched
from streams.reports import digest, make_report

START = datetime(2026, 3, 1, tzinfo=UTC)


def row(hour: int, revision: int = 1, cohort: str = "a") -> HourRow:
    return HourRow(
        START + timedelta(hours=hour), revision, Cell(samples=10, value_micro=4, of_micro=10), cohort
    )


def watched(**fields: int) -> Watched:
    entry: dict[str, object] = {
        "key": "a",
        "metric_name": "user_adoption",
        "operator": ">=",
        "value": 60,
        **fields,
    }
    assumption = Assumption.model_validate(entry)
    org, project, artifact, own = (UUID(int=number) for number in range(4))
    return Watched(org, project, artifact, own, assumption, START, START, EvidenceTier.E2, None)


def test_the_digest_follows_from_hours_series_and_revisions_in_whatever_order_they_come():
    rows = [row(0), row(0, cohort="b"), row(1, revision=2)]
    lines = [[row.hour.isoformat(), row.cohort, row.feature, row.revision] for row in rows]
    assert digest(rows) == sha256("".join(f"{json.dumps(line)}\n" for line in lines).encode()).hexdigest()
    assert digest(rows[::-1]) == digest(rows)
    for other in (rows[:2], [*rows[:2], row(1, revision=3)], [row(0), row(0, cohort="c"), rows[2]]):
        assert digest(other) != digest(rows)


def test_a_report_says_what_it_rests_on():
    evidence = Evidence(400.0, 365.0, (38.0, 44.0), 9, "daily", "abc")
    found = make_report(watched(), [row(0), row(1, revision=2)], 42.0, START + timedelta(days=9), evidence)
    assert (found.telemetry_revisions, found.interval_low, found.interval_high) == (3, 38.0, 44.0)
    assert (found.confidence, found.days, found.lane, found.configuration) == (0.95, 9, "daily", "abc")
    estimate = make_report(watched(), [row(0)], 42.0, START + timedelta(days=9))
    assert (estimate.confidence, estimate.interval_low, estimate.lane) == (None, None, "estimate")


@pytest.mark.parametrize(
    ("fields", "day", "shadow", "launch"),
    [
        ({}, 30, False, True),
        ({}, 31, False, False),
        ({"launch_grace_days": 20}, 50, False, True),
        ({"shadow_days": 14}, 14, True, True),
        ({"shadow_days": 14}, 15, False, True),
    ],
)
def test_reports_of_a_launch_and_of_a_shadow_are_marked(fields, day, shadow, launch):
    found = make_report(watched(**fields), [row(0)], 42.0, START + timedelta(days=day))
    assert (found.shadow, found.launch) == (shadow, launch)
    assert found.is_silent == shadow
    assert replace(found, historical=True).is_silent
