"""Who may do what beside their role, machines among them; and what was answered already."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, Version, length, one_of, within_org

PROJECT_ROLES = ("EDITOR", "COMMENTER", "VIEWER")
SCOPES = ("publish", "read", "run")


class ProjectAccess(Base):
    """A member's role in one project, in place of the one in the organisation (ADMIN excepted)."""

    __tablename__ = "project_access"
    __table_args__ = (
        one_of("role", PROJECT_ROLES),
        within_org("project_id", "project"),
        ForeignKeyConstraint(
            ["org_id", "user_id"], ["organization_members.org_id", "organization_members.user_id"]
        ),
        Index("ix_project_access_user", "org_id", "user_id"),
    )

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    version: Mapped[Version]


class MachineKey(Base):
    """A machine's right to publish, read or run agents for one project; only the hash of its secret is kept.

    `last_used_at` is right to a minute or two; `quota` is the samples it may publish, as in `1000000/hour`.
    """

    __tablename__ = "machine_key"
    __table_args__ = (
        length("name", 1, 100),
        CheckConstraint(
            "scopes <@ ARRAY['publish', 'read', 'run'] AND cardinality(scopes) BETWEEN 1 AND 3", name="scopes"
        ),
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret_sha256"),
        CheckConstraint("quota ~ '^[1-9][0-9]{0,11}/(second|minute|hour|day)$'", name="quota"),
        within_org("project_id", "project"),
        Index("ix_machine_key_project", "org_id", "project_id"),
        Index("ix_machine_key_id", "id"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    name: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    secret_sha256: Mapped[bytes] = mapped_column(deferred=True)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    version: Mapped[Version]
    quota: Mapped[str | None]


class IdempotencyKey(Base):
    """What a POST was answered: the same key from the same person gets the same answer, and does nothing.

    `sealed` is encrypted, since an answer may hold a secret that is shown once.
    """

    __tablename__ = "idempotency_key"
    __table_args__ = (length("key", 1, 200), Index("ix_idempotency_key_created", "created_at"))

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[bytes]
    status: Mapped[int | None]
    sealed: Mapped[bytes | None]
    created_at: Mapped[CreatedAt]
