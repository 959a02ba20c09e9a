"""What is assumed of a project, measured in it and found."""

from collections.abc import Iterator
from datetime import date, datetime
from uuid import uuid4

from storage import tables
from storage.tables import Base
from tests.world.places import HOUR, Place


def assumption(place: Place) -> Base:
    return tables.AssumptionRow(
        org_id=place.org,
        id=place.assumption,
        project_id=place.project,
        artifact_id=place.artifact,
        key="adoption",
        statement="",
        metric_name="user_adoption",
        cohort="mainstream",
        feature="F12",
        operator=">=",
        value=60.0,
        unit="%",
        tolerance=0.0,
        tolerance_kind="absolute",
        divergence_type="FEATURE_ADOPTION_MISS",
        evidence_tier="E2",
        effective_from=HOUR,
        min_users=0,
        owner="",
        runbook_url="",
    )


def telemetry(place: Place, hour: datetime, value: int, **more: object) -> tables.Telemetry:
    return tables.Telemetry(
        **{
            "org_id": place.org,
            "project_id": place.project,
            "timestamp": hour,
            "metric_name": "user_adoption",
            "cohort": "mainstream",
            "feature": "F12",
            "id": uuid4(),
            "metric_value": value,
            "unit": "%",
            "sample_count": 10,
            "user_count": 10,
            "revision": 1,
            **more,
        }
    )


def report(place: Place, detected_at: datetime, **more: object) -> tables.DivergenceReport:
    return tables.DivergenceReport(
        **{
            "org_id": place.org,
            "id": uuid4(),
            "project_id": place.project,
            "artifact_id": place.artifact,
            "assumption_id": place.assumption,
            "divergence_type": "FEATURE_ADOPTION_MISS",
            "metric_name": "user_adoption",
            "cohort": "mainstream",
            "feature": "F12",
            "assumed_value": ">= 60 %",
            "actual_value": "42 %",
            "assumed_number": 60.0,
            "actual_number": 42.0,
            "unit": "%",
            "relative_gap": -0.3,
            "assumption_evidence_tier": "E2",
            "telemetry_evidence_tier": "E4",
            "tier_delta": 2,
            "classification": "MINOR",
            "summary": "We assumed more.",
            "e_value": 1e9,
            "threshold": 3650.0,
            "sample_count": 1000,
            "user_count": 1000,
            "first_hour": HOUR,
            "last_hour": HOUR,
            "detected_at": detected_at,
            **more,
        }
    )


def findings(place: Place) -> Iterator[Base]:
    within = {"org_id": place.org, "project_id": place.project}
    yield telemetry(place, HOUR, 42)
    yield report(place, HOUR, id=place.report)
    yield tables.CascadeAnalysis(
        **within,
        id=uuid4(),
        divergence_id=place.report,
        affected_features=["F12 PRD"],
        affected_code_modules=["checkout_page"],
        reexecution_scope_days=2,
        full_redesign_days=14,
        recommendation="REEXECUTE",
    )
    yield tables.DetectorState(
        **within,
        assumption_id=place.assumption,
        state={},
        status="OK",
        folded_through=date(2026, 11, 1),
        telemetry_revisions=1,
    )
