"""What was learned about an artifact, and by whom it was reviewed (DataModel.md 12)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from detectors.tiers import PRODUCTION_USERS
from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, Version, length, one_of, within_project

COLLECTED = ("interview", "survey", "market_research", "analyst_report")
"""What people bring; what production says is the worker's to write."""
TELEMETRY = "telemetry"
EVIDENCE_SOURCES = ("interview", "survey", "market_research", TELEMETRY, "analyst_report")
ESCALATION_STATUSES = ("NONE", "IN_REVIEW", "ESCALATED")
REFERENCED = ("market_research", "analyst_report")
"""Evidence that somebody else has published: where, has to be said."""
ALONE = (
    "CASE WHEN evidence_count = 0 THEN 'E0'"
    " WHEN source = 'interview' AND evidence_count >= 10 THEN 'E2'"
    " WHEN source = 'market_research' THEN 'E2'"
    " WHEN source = 'analyst_report' THEN 'E3'"
    f" WHEN source = 'telemetry' AND evidence_count >= {PRODUCTION_USERS} THEN 'E4'"
    " ELSE 'E1' END"
)


class Evidence(Base):
    """One piece of evidence for one version of an artifact; never deleted.

    `evidence_tier` is the rung that the piece would support alone: what pieces support together says
    `evidence_rungs_of` (ADR 0017). `created_by` of what production says is NULL.
    """

    __tablename__ = "evidence"
    __table_args__ = (
        within_project("artifact_id", "artifact"),
        UniqueConstraint("org_id", "project_id", "id"),
        one_of("source", EVIDENCE_SOURCES),
        one_of("escalation_status", ESCALATION_STATUSES),
        CheckConstraint("confidence_score BETWEEN 0 AND 100", name="confidence_score"),
        CheckConstraint("evidence_count >= 0", name="evidence_count"),
        length("url_or_reference", 1, 2000),
        CheckConstraint(f"source NOT IN {REFERENCED} OR url_or_reference IS NOT NULL", name="referenced"),
        CheckConstraint(
            "(source = 'telemetry') = (created_by IS NULL)"
            " AND (created_by IS NOT NULL OR escalation_status = 'ESCALATED')",
            name="counted",
        ),
        CheckConstraint(
            "(reviewed_by IS NULL) = (reviewed_at IS NULL) AND"
            " (reviewed_by IS NOT NULL) = (escalation_status = 'ESCALATED' AND created_by IS NOT NULL)",
            name="reviewed",
        ),
        CheckConstraint("reviewed_by <> created_by", name="reviewer"),
        Index("ix_evidence_artifact", "org_id", "artifact_id", "created_at"),
        Index(
            "uq_evidence_telemetry",
            "org_id",
            "artifact_id",
            unique=True,
            postgresql_where=text("source = 'telemetry'"),
        ),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    artifact_id: Mapped[UUID]
    evidence_tier: Mapped[str] = mapped_column(Computed(ALONE, persisted=True))
    source: Mapped[str]
    confidence_score: Mapped[int]
    evidence_count: Mapped[int]
    url_or_reference: Mapped[str | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    reviewed_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    reviewed_at: Mapped[datetime | None]
    escalation_status: Mapped[str] = mapped_column(server_default=text("'NONE'"))
    updated_at: Mapped[CreatedAt]
    version: Mapped[Version]
