"""What the detectors found (DataModel.md 9 and 10), and what they remember."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from detectors.divergence import Classification, DivergenceType, Recommendation
from detectors.tiers import EvidenceTier
from metrics.names import Metric
from storage.tables.base import (
    Base,
    CreatedAt,
    IdKey,
    OrgKey,
    Version,
    length,
    one_of,
    within_org,
    within_project,
)

REPORT_STATUSES = ("OPEN", "RESOLVED", "SUPERSEDED")
REPORT_STATES = ("OPEN", "ACKNOWLEDGED", "RESOLVED", "SUPERSEDED")
UNRESOLVED_STATES = ("OPEN", "ACKNOWLEDGED")
EVENT_KINDS = (
    "DETECTED",
    "RECLASSIFIED",
    "ACKNOWLEDGED",
    "UNACKNOWLEDGED",
    "ASSIGNED",
    "UNASSIGNED",
    "COMMENTED",
    "SNOOZED",
    "WOKEN",
    "RESOLVED",
    "REOPENED",
    "SUPERSEDED",
)
ACTOR_KINDS = ("user", "system")
STATE = (
    "CASE WHEN status <> 'OPEN' THEN status WHEN closed_at IS NOT NULL THEN 'RESOLVED'"
    " WHEN acknowledged_at IS NOT NULL THEN 'ACKNOWLEDGED' ELSE 'OPEN' END"
)
LANES = ("daily", "fast", "estimate")


class DivergenceReport(Base):
    """Production proved an assumption wrong. `detected_at` is event time: when the verdict was possible.

    A `historical` one was found in what came in as history: nobody was paged. A `shadow` one is of an
    assumption that runs silently. A `launch` one came within 30 days of the first day that was tested:
    counted apart from the budget. SUPERSEDED is one whose ground is gone since telemetry was corrected;
    `resolution` says why.

    The interval is a confidence sequence for the value, in `unit`, at `confidence`; `days` are the complete
    days behind the verdict, `configuration` is the hash of the test's. `telemetry_revisions` is the sum of
    the revisions of the rows it rests on, `telemetry_digest` the SHA-256 over their hour, cohort, feature
    and revision, in order.

    What people say stands beside what the data say, and `state` is what both come to (ADR 0025).
    `handling_version` grows with each of people's changes, `closed_as` is the classification of which
    `close_reason` spoke.
    """

    __tablename__ = "divergence_report"
    __table_args__ = (
        within_org("project_id", "project"),
        within_org("artifact_id", "artifact"),
        within_org("assumption_id", "assumption"),
        one_of("divergence_type", DivergenceType),
        one_of("metric_name", Metric),
        one_of("assumption_evidence_tier", EvidenceTier),
        one_of("telemetry_evidence_tier", EvidenceTier),
        CheckConstraint("tier_delta BETWEEN 0 AND 4", name="tier_delta"),
        one_of("classification", Classification),
        one_of("status", REPORT_STATUSES),
        one_of("lane", LANES),
        UniqueConstraint("org_id", "assumption_id", "detected_at"),
        UniqueConstraint("org_id", "project_id", "id"),
        ForeignKeyConstraint(
            ["org_id", "assignee_id"], ["organization_members.org_id", "organization_members.user_id"]
        ),
        length("close_reason", 3, 2000),
        length("reopen_reason", 3, 2000),
        one_of("closed_as", Classification),
        CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged"),
        CheckConstraint("num_nulls(closed_at, closed_by, close_reason, closed_as) IN (0, 4)", name="closed"),
        CheckConstraint("close_reason IS NULL OR reopen_reason IS NULL", name="reopened"),
        Index("ix_divergence_report_page", "org_id", "detected_at", "id"),
        Index(
            "ix_divergence_report_incident",
            "org_id",
            "incident_id",
            postgresql_where=text("incident_id IS NOT NULL"),
        ),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    artifact_id: Mapped[UUID]
    assumption_id: Mapped[UUID]
    divergence_type: Mapped[str]
    metric_name: Mapped[str]
    cohort: Mapped[str]
    feature: Mapped[str]
    assumed_value: Mapped[str]
    actual_value: Mapped[str]
    assumed_number: Mapped[float]
    actual_number: Mapped[float]
    unit: Mapped[str]
    relative_gap: Mapped[float]
    assumption_evidence_tier: Mapped[str]
    telemetry_evidence_tier: Mapped[str]
    tier_delta: Mapped[int]
    classification: Mapped[str]
    summary: Mapped[str]
    e_value: Mapped[float | None]
    threshold: Mapped[float | None]
    actual_since: Mapped[datetime | None]
    interval_low: Mapped[float | None]
    interval_high: Mapped[float | None]
    confidence: Mapped[float | None]
    days: Mapped[int] = mapped_column(server_default=text("0"))
    lane: Mapped[str] = mapped_column(server_default=text("'daily'"))
    configuration: Mapped[str | None]
    telemetry_revisions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    telemetry_digest: Mapped[str | None]
    sample_count: Mapped[int] = mapped_column(BigInteger)
    user_count: Mapped[int] = mapped_column(BigInteger)
    first_hour: Mapped[datetime]
    last_hour: Mapped[datetime]
    historical: Mapped[bool] = mapped_column(server_default=text("false"))
    shadow: Mapped[bool] = mapped_column(server_default=text("false"))
    launch: Mapped[bool] = mapped_column(server_default=text("false"))
    incident_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(server_default=text("'OPEN'"))
    resolved_at: Mapped[datetime | None]
    resolution: Mapped[str | None]
    detected_at: Mapped[datetime]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    assignee_id: Mapped[UUID | None]
    snoozed_until: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    close_reason: Mapped[str | None]
    closed_as: Mapped[str | None]
    reopen_reason: Mapped[str | None]
    handling_version: Mapped[Version]
    state: Mapped[str] = mapped_column(Computed(STATE, persisted=True))


class ReportEvent(Base):
    """What became of a report, in the order of `sequence` (from 1, without a gap); never changed.

    `body` says what the kind asks for (docs/reports.md); of a comment it is its `text`. `actor_id` of what
    the data did is NULL.
    """

    __tablename__ = "report_event"
    __table_args__ = (
        within_project("report_id", "divergence_report"),
        UniqueConstraint("org_id", "report_id", "sequence"),
        CheckConstraint("sequence > 0", name="sequence"),
        one_of("kind", EVENT_KINDS),
        one_of("actor_kind", ACTOR_KINDS),
        CheckConstraint("(actor_kind = 'user') = (actor_id IS NOT NULL)", name="actor"),
        CheckConstraint("jsonb_typeof(body) = 'object'", name="body"),
        CheckConstraint(
            "kind <> 'COMMENTED' OR coalesce(char_length(body ->> 'text') BETWEEN 1 AND 5000"
            " AND jsonb_typeof(body -> 'text') = 'string' AND body - 'text' = '{}', false)",
            name="comment",
        ),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    project_id: Mapped[UUID]
    report_id: Mapped[UUID]
    sequence: Mapped[int]
    kind: Mapped[str] = mapped_column(server_default=text("'COMMENTED'"))
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    at: Mapped[datetime]
    body: Mapped[dict[str, Any]]


class CascadeAnalysis(Base):
    """What rests on the assumption that failed, and the days to redo it."""

    __tablename__ = "cascade_analysis"
    __table_args__ = (
        within_org("divergence_id", "divergence_report"),
        within_org("project_id", "project"),
        UniqueConstraint("org_id", "divergence_id"),
        CheckConstraint("reexecution_scope_days BETWEEN 2 AND 7", name="reexecution_scope_days"),
        CheckConstraint("full_redesign_days BETWEEN 14 AND 21", name="full_redesign_days"),
        one_of("recommendation", Recommendation),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    divergence_id: Mapped[UUID]
    project_id: Mapped[UUID]
    affected_features: Mapped[list[str]]
    affected_code_modules: Mapped[list[str]]
    reexecution_scope_days: Mapped[int]
    full_redesign_days: Mapped[int]
    recommendation: Mapped[str]
    created_at: Mapped[CreatedAt]


class DetectorState(Base):
    """What the fold of one assumption remembers, and the telemetry it rests on.

    `verdict` is what the last fold said, for people (`storage.reading.assumptions` has the keys that are
    shown); `checkpoints` are earlier states from which a refold may start.
    """

    __tablename__ = "detector_state"
    __table_args__ = (within_org("assumption_id", "assumption"), within_org("project_id", "project"))

    org_id: Mapped[OrgKey]
    assumption_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)
    status: Mapped[str]
    folded_through: Mapped[date]
    telemetry_revisions: Mapped[int] = mapped_column(BigInteger)
    checkpoints: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"))
    verdict: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    updated_at: Mapped[CreatedAt]
