"""A divergence in numbers and words, from the rows it rests on: pure."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from detectors.course import ESTIMATED, Evidence
from detectors.divergence import classify, relative_gap
from detectors.series import HourRow, users_of
from detectors.tiers import telemetry_tier, tier_delta
from detectors.wording import amount, said
from storage import findings
from storage.detection import Watched
from storage.findings import Report

CONFIDENCE = 0.95
"""Of the intervals in reports."""
LAUNCH = timedelta(days=30)
"""From the first day of the test on: reports of this time are counted apart from the alarm budget."""


def make_report(
    item: Watched,
    rows: Sequence[HourRow],
    value: float,
    detected_at: datetime,
    evidence: Evidence = ESTIMATED,
) -> Report:
    """Return the report of an assumption that `value` breaks.

    Args:
        item: the assumption.
        rows: the Telemetry that the verdict rests on, in order of time: all since the test began.
        value: the actual value, in the assumption's unit.
        detected_at: event time at which the verdict was possible.
        evidence: what else it rests on; by default that of an estimate without an interval.
    """
    assumption = item.assumption
    users, samples = users_of(rows)
    tier = telemetry_tier(users, samples)
    delta = tier_delta(item.evidence_tier, tier)
    gap = relative_gap(
        assumption.operator, assumption.value, assumption.tolerance, assumption.tolerance_kind, value
    )
    unit = assumption.unit
    low, high = evidence.interval or (None, None)
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
        e_value=evidence.e_value,
        threshold=evidence.threshold,
        interval_low=low,
        interval_high=high,
        confidence=CONFIDENCE if evidence.interval else None,
        days=evidence.days,
        lane=evidence.lane,
        configuration=evidence.configuration,
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
