"""Who changed what (DataModel.md 13)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, OrgKey, one_of

ACTIONS = ("CREATE", "UPDATE", "DELETE", "APPROVE", "OVERRIDE", "ESCALATE")
ACTOR_KINDS = ("user", "key", "role")
RESOURCE_TYPES = (
    "Organization",
    "User",
    "OrganizationMember",
    "Invitation",
    "Workspace",
    "Project",
    "ProjectAccess",
    "Artifact",
    "Tag",
    "ArtifactDependency",
    "Assumption",
    "MachineKey",
    "OtlpMapping",
    "ExclusionWindow",
    "HolidayCalendar",
    "Evidence",
    "PhaseGateDecision",
    "GateArtifact",
    "GateEvidence",
    "AgentExecution",
    "DivergenceReport",
    "CascadeAnalysis",
)


class AuditLog(Base):
    """One change of one entity, written by a trigger; nobody may change or delete it (ADR 0011).

    `changes_before` and `changes_after` hold the fields that changed. `actor_name` is the database's login,
    where no person and no key asked. There is no foreign key: an entry outlives what it is about. The chain
    (`sequence`, `prev_hash`, `hash`), the client and the rationale are for later: nothing fills them yet.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        one_of("actor_kind", ACTOR_KINDS),
        CheckConstraint("(actor_kind = 'role') = (actor_name IS NOT NULL)", name="actor_name"),
        one_of("action", ACTIONS),
        one_of("resource_type", RESOURCE_TYPES),
        Index("ix_audit_log_resource", "org_id", "resource_type", "resource_id", text("timestamp DESC")),
        {"postgresql_partition_by": "RANGE (timestamp)"},
    )

    org_id: Mapped[OrgKey]
    timestamp: Mapped[datetime] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID]
    actor_name: Mapped[str | None]
    action: Mapped[str]
    resource_type: Mapped[str]
    resource_id: Mapped[UUID]
    changes_before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    changes_after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
    rationale: Mapped[str | None]
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    prev_hash: Mapped[bytes | None]
    hash: Mapped[bytes | None]
