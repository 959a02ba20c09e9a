from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.schemas.base import Finite, Sent
from detectors.divergence import Classification, DivergenceType, Recommendation
from detectors.tiers import EvidenceTier
from metrics.names import Metric


class Telemetry(Sent):
    """One metric of one hour, cohort and feature ('' = unspecified)."""

    id: UUID
    org_id: UUID
    project_id: UUID
    metric_name: Metric
    metric_value: float = Field(examples=[52.0])
    unit: str = Field(examples=["%"])
    timestamp: datetime = Field(description="start of the hour")
    cohort: str = Field(examples=["mainstream"])
    feature: str = Field(examples=["F12"])
    numerator: float | None
    denominator: float | None
    sample_count: int
    user_count: int = Field(description="distinct users; 0: none were reported")
    revision: int = Field(description="grows when late samples change the hour")
    is_final: bool = Field(description="no sample can change the hour any more")
    provisional: bool = Field(False, description="the hour is open: it grows, and is not detected on")
    created_at: datetime
    updated_at: datetime


class Series(Sent):
    """A series of a project: one metric of one cohort and feature ('' = unspecified)."""

    metric_name: Metric
    cohort: str = Field(examples=["mainstream"])
    feature: str = Field(examples=["F12"])
    first_seen: datetime = Field(description="when its first sample was counted")
    last_hour: datetime | None = Field(
        description="start of the newest hour that has samples of it; null: all of it was refused or dropped"
    )


class CascadeAnalysis(Sent):
    """What rests on the assumption that failed, and the days to redo it."""

    id: UUID
    divergence_id: UUID
    affected_features: list[str] = Field(examples=[["F12 PRD", "F13 Positioning"]])
    affected_code_modules: list[str] = Field(examples=[["checkout_page", "address_form"]])
    reexecution_scope_days: int = Field(examples=[3])
    full_redesign_days: int = Field(examples=[15])
    recommendation: Recommendation
    created_at: datetime


class DivergenceReport(Sent):
    """Production proved an assumption wrong."""

    id: UUID
    org_id: UUID
    project_id: UUID
    artifact_id: UUID
    assumption_id: UUID
    divergence_type: DivergenceType
    metric_name: Metric
    cohort: str
    feature: str
    assumed_value: str = Field(examples=[">= 60 %"])
    actual_value: str = Field(examples=["52 %"])
    assumed_number: float = Field(examples=[60.0])
    actual_number: float = Field(examples=[52.0])
    unit: str = Field(examples=["%"])
    relative_gap: Finite = Field(
        description="(actual - assumed) / |assumed|; null: infinite, as nothing was assumed",
        examples=[-0.133],
    )
    assumption_evidence_tier: EvidenceTier
    telemetry_evidence_tier: EvidenceTier
    tier_delta: int = Field(examples=[2])
    classification: Classification
    summary: str
    e_value: Finite = Field(description="evidence against the assumption; null: beyond what a number holds")
    threshold: Finite = Field(description="the e-value at which we speak")
    sample_count: int
    user_count: int
    first_hour: datetime
    last_hour: datetime
    historical: bool = Field(description="found in history that was loaded: nobody was paged")
    status: str = Field(examples=["OPEN"])
    resolved_at: datetime | None
    resolution: str | None
    detected_at: datetime = Field(description="event time: when the verdict was possible")
    created_at: datetime
    updated_at: datetime


class DivergenceReportDetail(DivergenceReport):
    """A report with what rests on its assumption."""

    cascade_analysis: CascadeAnalysis | None
