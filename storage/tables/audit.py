"""Who changed what (DataModel.md 13)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
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
    "ReportEvent",
    "AlertChannel",
    "AlertRoute",
    "AlertRouteChannel",
    "AlertSilence",
    "AlertWindow",
)


class AuditLog(Base):
    """One change of one entity, written by a trigger; nobody may change or delete it (ADR 0012).

    `changes_before` and `changes_after` hold the fields that changed. `actor_name` is the database's login,
    where no person and no key asked. There is no foreign key: an entry outlives what it is about.
    What is a person's (`ip_address` and `user_agent`; `personal`: e-mail, name, the provider's id, out of
    changes_before and changes_after) is in the entry's hash as a digest with a salt: it can be taken away,
    with the salt, and the chain holds (ADR 0021). `place` counts from 0 within the link.
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
    place: Mapped[int] = mapped_column(BigInteger)
    client_salt: Mapped[bytes | None]
    client_digest: Mapped[bytes | None]
    link_id: Mapped[UUID]
    personal: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    personal_salt: Mapped[bytes | None]
    personal_digest: Mapped[bytes | None]


class AuditLink(Base):
    """A link of an organisation's chain: the entries that one statement left, and the link before.

    `leaves` are the SHA-256 of its entries' texts (`auth.audit_text`), 32 bytes each, in the order of
    `place`; `hash` is that of its own text (`auth.audit_link_text`), which holds `prev_hash` and `leaves`.
    `began` is the time of its entries, `linked_at` that of their commit.
    """

    __tablename__ = "audit_link"

    org_id: Mapped[OrgKey]
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    link_id: Mapped[UUID]
    began: Mapped[datetime]
    linked_at: Mapped[datetime]
    prev_hash: Mapped[bytes]
    leaves: Mapped[bytes]
    hash: Mapped[bytes]


class AuditPending(Base):
    """What an open transaction has told: it becomes links as the transaction ends, and is not there after."""

    __tablename__ = "audit_pending"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    org_id: Mapped[OrgKey]
    place: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction: Mapped[int] = mapped_column(BigInteger, index=True)
    link_id: Mapped[UUID]
    began: Mapped[datetime]
    leaves: Mapped[bytes]


class AuditChain(Base):
    """An organisation that has a chain; its row is what a transaction locks that adds links to it."""

    __tablename__ = "audit_chain"

    org_id: Mapped[OrgKey]


class AuditCheckpoint(Base):
    """What a chain had come to when its oldest months were dropped, signed: it is gone up to `sequence`.

    Gone is as well, from a later link, what was told before `dropped_before`. `entries` counts what the
    links up to `sequence` held. The signature is Ed25519 by a key that no database holds.
    """

    __tablename__ = "audit_checkpoint"
    __table_args__ = (
        CheckConstraint(
            "dropped_before = date_trunc('month', dropped_before AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
            name="whole_months",
        ),
    )

    org_id: Mapped[OrgKey]
    dropped_before: Mapped[datetime] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    entries: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime]
    signature: Mapped[bytes]


class AuditHead(Base):
    """The end of a chain as it was last told to Kafka."""

    __tablename__ = "audit_head"

    org_id: Mapped[OrgKey]
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    told_at: Mapped[datetime]
