from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.parameters import OneOf
from api.schemas.base import Finite, Sent, Versioned
from detectors.divergence import Classification, DivergenceType, Recommendation
from detectors.tiers import EvidenceTier
from metrics.names import Metric
from storage.tables.findings import LANES, REPORT_STATES

ReportStatus = Annotated[str, OneOf(REPORT_STATES)]


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
    actual_since: datetime | None = Field(
        description="start of the hours that the actual value is of, up to `last_hour`: at most seven days,"
        " and none before the breach seems to have begun; null: of an elasticity"
    )
    interval_low: Finite = Field(
        description="the value lies from here, in `unit`; null: no bound, or `lane` is `fast`: its hours were"
        " chosen because they are far off, and no interval over hours so chosen is known to hold; `detector`"
        " of the assumption has one once the days after it are folded",
        examples=[50.1],
    )
    interval_high: Finite = Field(description="to here", examples=[54.2])
    confidence: float | None = Field(
        description="of this interval, at whatever time it is looked at", examples=[0.95]
    )
    days: int = Field(description="complete days behind the verdict", examples=[11])
    lane: Annotated[str, OneOf(LANES)] = Field(
        description="daily: the daily test; fast: a gross breach, within hours; estimate: of an elasticity"
    )
    configuration: str | None = Field(description="hash of all that decides the test's verdict")
    telemetry_revisions: int = Field(description="sum of the revisions of the rows that it rests on")
    telemetry_digest: str | None = Field(
        description="SHA-256 over hour, cohort, feature and revision of these rows, in order"
    )
    sample_count: int
    user_count: int
    first_hour: datetime
    last_hour: datetime
    historical: bool = Field(description="found in history that was loaded: nobody was paged")
    shadow: bool = Field(description="of an assumption that ran silently: nobody was alerted")
    launch: bool = Field(description="soon after the assumption began: not counted as an alarm of the budget")
    incident_id: UUID | None = Field(description="shared by reports that broke on one ground")
    status: ReportStatus = Field(
        examples=["OPEN"],
        description="OPEN: nobody has acknowledged it; ACKNOWLEDGED: somebody has; RESOLVED: see"
        " `resolution`; SUPERSEDED: telemetry was corrected, and gives no ground for it",
    )
    resolved_at: datetime | None
    resolution: str | None = Field(
        description="what ended it: data, superseded (by a newer version), person (`closed_by`) ..."
    )
    detected_at: datetime = Field(description="event time: when the verdict was possible")
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None = Field(examples=[None])
    acknowledged_by: UUID | None = Field(examples=[None])
    assignee_id: UUID | None = Field(description="the member who sees to it", examples=[None])
    snoozed_until: datetime | None = Field(
        description="it is looked at again from then on; it may have passed", examples=[None]
    )
    closed_at: datetime | None = Field(description="when a person resolved it", examples=[None])
    closed_by: UUID | None = Field(examples=[None])
    close_reason: str | None = Field(examples=[None])
    reopen_reason: str | None = Field(
        description="why it was reopened, until it is resolved again", examples=[None]
    )
    handling_version: int = Field(description="grows with each change that people make", examples=[1])


class DivergenceReportDetail(DivergenceReport, Versioned):
    """A report with what rests on its assumption; its ETag begins with its `handling_version`."""

    cascade_analysis: CascadeAnalysis | None
