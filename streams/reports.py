"""A divergence in numbers and words, from the rows it rests on: pure."""

from collections.abc import Sequence
from datetime import datetime

from detectors.assumptions import Assumption
from detectors.divergence import classify, relative_gap, sentence
from detectors.series import HourRow, users_of
from detectors.tiers import telemetry_tier, tier_delta
from storage import findings
from storage.detection import Watched
from storage.findings import Evidence, Report


def make_report(
    item: Watched,
    rows: Sequence[HourRow],
    value: float,
    detected_at: datetime,
    evidence: Evidence = (None, None),
) -> Report:
    """Return the report of an assumption that `value` breaks.

    Args:
        item: the assumption.
        rows: the Telemetry that the verdict rests on, in order of time.
        value: the actual value, in the assumption's unit.
        detected_at: event time at which the verdict was possible.
        evidence: e-value and threshold of the test.
    """
    assumption = item.assumption
    users, samples = users_of(rows)
    tier = telemetry_tier(users, samples)
    delta = tier_delta(item.evidence_tier, tier)
    gap = relative_gap(
        assumption.operator, assumption.value, assumption.tolerance, assumption.tolerance_kind, value
    )
    unit = assumption.unit
    e_value, threshold = evidence
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
        assumed_value=f"{assumption.value:.4g} {unit}",
        actual_value=f"{value:.4g} {unit}",
        assumed_number=assumption.value,
        actual_number=value,
        unit=unit,
        relative_gap=gap,
        assumption_evidence_tier=str(item.evidence_tier),
        telemetry_evidence_tier=str(tier),
        tier_delta=delta,
        classification=str(classify(gap, delta)),
        summary=_sentence(assumption, value, gap),
        e_value=e_value,
        threshold=threshold,
        sample_count=samples,
        user_count=users,
        first_hour=rows[0].hour,
        last_hour=rows[-1].hour,
        detected_at=detected_at,
    )


def _sentence(assumption: Assumption, value: float, gap: float) -> str:
    return sentence(
        assumption.metric_name,
        assumption.operator,
        assumption.value,
        value,
        gap,
        unit=assumption.unit,
        cohort=assumption.cohort,
        feature=assumption.feature,
    )
