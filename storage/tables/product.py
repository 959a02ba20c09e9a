"""What a product team writes down (DataModel.md 4 and 5)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from detectors.divergence import DivergenceType
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

PHASES = ("DISCOVER", "DEFINE", "DESIGN", "DEVELOP", "DEPLOY")
PROJECT_STATUSES = ("IN_PROGRESS", "PASSED", "CONDITIONAL", "FAILED")
ARTIFACT_TYPES = (
    "PROBLEM",
    "PERSONA",
    "MARKET_RESEARCH",
    "PRD",
    "POSITIONING",
    "PRICING",
    "GTM",
    "ARCHITECTURE",
    "WIREFRAME",
    "PROTOTYPE",
    "API_SPEC",
    "DB_SCHEMA",
    "CODE_BACKEND",
    "CODE_FRONTEND",
    "TEST_SUITE",
    "DEPLOYMENT_PLAN",
)
ARTIFACT_STATUSES = ("DRAFT", "REVIEW", "APPROVED", "DEPLOYED")
LIVE_STATUSES = ("APPROVED", "DEPLOYED")


class Project(Base):
    """A product being defined, built and watched."""

    __tablename__ = "project"
    __table_args__ = (
        length("name", 3, 100),
        length("problem_statement", 10, 5000),
        one_of("phase", PHASES),
        one_of("status", PROJECT_STATUSES),
        within_org("workspace_id", "workspace"),
        Index(
            "uq_project_live_name",
            "org_id",
            "workspace_id",
            "name",
            unique=True,
            postgresql_where=text("NOT is_archived"),
        ),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    id: Mapped[IdKey]
    workspace_id: Mapped[UUID]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    problem_statement: Mapped[str]
    phase: Mapped[str] = mapped_column(server_default=text("'DISCOVER'"))
    status: Mapped[str] = mapped_column(server_default=text("'IN_PROGRESS'"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    last_updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    is_archived: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[Version]


class Artifact(Base):
    """One version of a document or of code. `key` tells artifacts of one type apart (ADR 0003).

    `version` is the specification's, given by the database; `revision` grows with every edit of the row.
    `declared_tier` is what the team had declared when evidence raised the tier; NULL: evidence has not.
    """

    __tablename__ = "artifact"
    __table_args__ = (
        one_of("type", ARTIFACT_TYPES),
        one_of("status", ARTIFACT_STATUSES),
        one_of("evidence_tier", EvidenceTier),
        one_of("declared_tier", EvidenceTier),
        length("key", 0, 100),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("status <> 'REVIEW' OR submitted_at IS NOT NULL", name="submitted"),
        CheckConstraint(
            "(status IN ('APPROVED', 'DEPLOYED')) = (approved_at IS NOT NULL AND approved_by IS NOT NULL)",
            name="approved",
        ),
        CheckConstraint(
            "(status = 'DEPLOYED') = (deployed_at IS NOT NULL AND deployed_by IS NOT NULL)", name="deployed"
        ),
        within_org("project_id", "project"),
        UniqueConstraint("org_id", "project_id", "type", "key", "version"),
        UniqueConstraint("org_id", "project_id", "id"),
        Index("ix_artifact_latest", "project_id", "type", text("version DESC")),
        Index("ix_artifact_org_created", "org_id", text("created_at DESC")),
        Index("ix_artifact_evidence_tier", "evidence_tier"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    type: Mapped[str]
    key: Mapped[str] = mapped_column(server_default=text("''"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    status: Mapped[str] = mapped_column(server_default=text("'DRAFT'"))
    content: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    evidence_tier: Mapped[str] = mapped_column(server_default=text("'E0'"))
    declared_tier: Mapped[str | None]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    submitted_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    deployed_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    submitted_at: Mapped[datetime | None]
    approved_at: Mapped[datetime | None]
    deployed_at: Mapped[datetime | None]
    revision: Mapped[Version]


class Tag(Base):
    """A word on an artifact version, to find it by (DataModel.md 6)."""

    __tablename__ = "tag"
    __table_args__ = (
        length("tag_name", 1, 100),
        within_project("artifact_id", "artifact"),
        UniqueConstraint("org_id", "artifact_id", "tag_name"),
        Index("ix_tag_name", "org_id", "tag_name"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    artifact_id: Mapped[UUID]
    tag_name: Mapped[str]
    created_at: Mapped[CreatedAt]


class ArtifactDependency(Base):
    """`artifact_id` was made from `depends_on_id`: what rests on what."""

    __tablename__ = "artifact_dependency"
    __table_args__ = (
        within_project("artifact_id", "artifact"),
        within_project("depends_on_id", "artifact"),
        CheckConstraint("artifact_id <> depends_on_id", name="not_itself"),
        Index("ix_artifact_dependency_depends_on", "org_id", "depends_on_id"),
    )

    org_id: Mapped[OrgKey]
    artifact_id: Mapped[UUID] = mapped_column(primary_key=True)
    depends_on_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    created_at: Mapped[CreatedAt]


class AssumptionRow(Base):
    """One assumption of an approved artifact version, projected from its content and frozen."""

    __tablename__ = "assumption"
    __table_args__ = (
        within_project("artifact_id", "artifact"),
        UniqueConstraint("org_id", "artifact_id", "key"),
        one_of("metric_name", Metric),
        one_of("operator", (">=", "<=", "within")),
        one_of("tolerance_kind", ("absolute", "relative")),
        one_of("divergence_type", DivergenceType),
        one_of("evidence_tier", EvidenceTier),
        CheckConstraint("min_samples >= 0", name="min_samples"),
        CheckConstraint("launch_grace_days BETWEEN 0 AND 180", name="launch_grace_days"),
        CheckConstraint("shadow_days BETWEEN 0 AND 365", name="shadow_days"),
        Index("ix_assumption_live", "org_id", "project_id", postgresql_where=text("superseded_at IS NULL")),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    artifact_id: Mapped[UUID]
    key: Mapped[str]
    statement: Mapped[str]
    metric_name: Mapped[str]
    cohort: Mapped[str]
    feature: Mapped[str]
    operator: Mapped[str]
    value: Mapped[float]
    unit: Mapped[str]
    tolerance: Mapped[float]
    tolerance_kind: Mapped[str]
    divergence_type: Mapped[str]
    evidence_tier: Mapped[str]
    effective_from: Mapped[datetime]
    min_users: Mapped[int]
    min_samples: Mapped[int | None]
    launch_grace_days: Mapped[int] = mapped_column(server_default=text("0"))
    slow: Mapped[bool] = mapped_column(server_default=text("false"))
    shadow_days: Mapped[int] = mapped_column(server_default=text("0"))
    owner: Mapped[str]
    runbook_url: Mapped[str]
    superseded_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
