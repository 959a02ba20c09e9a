"""A divergence in numbers and words, from the rows it rests on: pure."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from detectors import readings
from detectors.course import ESTIMATED, SETTLING, Breach, Evidence
from detectors.divergence import Classification, classify, relative_gap
from detectors.local_days import ONE_DAY, day_of, day_start
from detectors.series import POOLED_DAYS, HourRow, users_of
from detectors.tiers import telemetry_tier, tier_delta
from detectors.wording import amount, said
from storage import findings
from storage.detection import Watched
from storage.findings import Report

CONFIDENCE = 0.95
"""Of the intervals in reports."""
LAUNCH = timedelta(days=30)
"""From the first day of the test on: reports of this time are counted apart from the alarm budget."""
SEVERITY = {str(Classification.COSMETIC): 0, str(Classification.MINOR): 1, str(Classification.MAJOR): 2}


def make_report(
    item: Watched,
    rows: Sequence[HourRow],
    value: float,
    detected_at: datetime,
    evidence: Evidence = ESTIMATED,
    since: datetime | None = None,
) -> Report:
    """Return the report of an assumption that `value` breaks.

    Args:
        item: the assumption.
        rows: the Telemetry that the verdict rests on, in order of time: all since the test began.
        value: the actual value, in the assumption's unit.
        detected_at: event time at which the verdict was possible.
        evidence: what else it rests on; by default that of an estimate without an interval.
        since: the start of the hours that `value` is of, up to the last of `rows`; an estimate has none.
    """
    assumption = item.assumption
    users, samples = users_of(rows)
    tier = telemetry_tier(users, samples)
    delta = tier_delta(item.evidence_tier, tier)
    gap = relative_gap(
        assumption.operator, assumption.value, assumption.tolerance, assumption.tolerance_kind, value
    )
    unit = assumption.unit
    return Report(
        org_id=item.org_id,
        id=findings.report_id(item.id, detected_at),
        project_id=item.project_id,
        artifact_id=item.artifact_id,
        assumption_id=item.id,
        divergence_type=str(assumption.type),
        metric_name=str(assumption.metric_name),
        cohort=assumption.cohort,
        feature=assumption.feature,
        assumed_value=amount(assumption.value, unit),
        actual_value=amount(value, unit),
        assumed_number=assumption.value,
        actual_number=value,
        unit=unit,
        relative_gap=gap,
        assumption_evidence_tier=str(item.evidence_tier),
        telemetry_evidence_tier=str(tier),
        tier_delta=delta,
        classification=str(classify(gap, delta)),
        summary=said(assumption, value, gap),
        actual_since=since,
        **_said_by(evidence),
        telemetry_revisions=sum(row.revision for row in rows),
        telemetry_digest=digest(rows),
        sample_count=samples,
        user_count=users,
        first_hour=rows[0].hour,
        last_hour=rows[-1].hour,
        detected_at=detected_at,
        shadow=bool(assumption.shadow_days) and detected_at <= shadow_until(item),
        launch=detected_at <= test_begins(item) + LAUNCH,
    )


def _said_by(evidence: Evidence) -> dict[str, Any]:
    low, high = evidence.interval or (None, None)
    return {
        "e_value": evidence.e_value,
        "threshold": evidence.threshold,
        "interval_low": low,
        "interval_high": high,
        "confidence": CONFIDENCE if evidence.interval else None,
        "days": evidence.days,
        "lane": evidence.lane,
        "configuration": evidence.configuration,
    }


def report_of(item: Watched, breach: Breach, rows: Sequence[HourRow], last: date, zone: ZoneInfo) -> Report:
    """Return the report of a breach: the worst that it looked like until the day `last`, or until it ended.

    The actual value is pooled over a week, but of no hour before the breach seems to have begun (ADR 0016):
    what was sound until then would hide it. `rows` are all since the test began, in order of time.
    """
    if breach.ended_at:
        last = day_of(breach.ended_at, zone) - ONE_DAY
    looks: list[Report] = []
    day = breach.day
    if breach.detected_at < day_start(day + ONE_DAY, zone):
        looks += _look(item, breach, rows, (breach.detected_at - SETTLING, breach.detected_at), zone)
    while day <= min(last, breach.day + SETTLING):
        begins = day_start(day - (POOLED_DAYS - 1) * ONE_DAY, zone)
        looks += _look(item, breach, rows, (begins, day_start(day + ONE_DAY, zone)), zone)
        day += ONE_DAY
    return replace(worst(looks), historical=breach.historical)


def worst(looks: Sequence[Report]) -> Report:
    """Return of the looks at a breach, by day, the first that is the gravest."""
    return max(looks, key=lambda look: SEVERITY[look.classification])


def _look(
    item: Watched, breach: Breach, rows: Sequence[HourRow], span: tuple[datetime, datetime], zone: ZoneInfo
) -> list[Report]:
    begins, ends = max(span[0], breach.since or span[0]), span[1]
    known = [row for row in rows if row.hour < ends]
    value = readings.actual(item.assumption, [row for row in known if row.hour >= begins], zone)
    return (
        []
        if value is None
        else [make_report(item, known, value, breach.detected_at, breach.evidence, begins)]
    )


def test_begins(item: Watched) -> datetime:
    """Return the moment before which no day is tested: the launch grace is over."""
    return item.effective_from + timedelta(days=item.assumption.launch_grace_days)


def shadow_until(item: Watched) -> datetime:
    """Return the moment up to which an assumption runs silently."""
    return item.effective_from + timedelta(days=item.assumption.shadow_days)


def digest(rows: Sequence[HourRow]) -> str:
    """Return the SHA-256 of which rows these are: a line of JSON each, `[hour, cohort, feature, revision]`.

    The lines are in the order of hour (RFC 3339 in UTC), cohort and feature by code point, and end with a
    line feed. A row that changes has another revision.
    """
    lines = sorted((row.hour, row.cohort, row.feature, row.revision) for row in rows)
    text = "".join(f"{json.dumps([hour.isoformat(), *rest])}\n" for hour, *rest in lines)
    return sha256(text.encode()).hexdigest()
