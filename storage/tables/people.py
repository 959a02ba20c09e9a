"""Organisations, people and where they belong (DataModel.md 1 to 3)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, Version, length, one_of

TIERS = ("BASIC", "PRO", "ENTERPRISE")
ROLES = ("ADMIN", "MEMBER", "VIEWER")
AUTH_PROVIDERS = ("supabase", "google", "github")
ERASED_NAME = "Erased user"
ERASED = (
    f"erased_at IS NULL OR (auth_provider_id IS NULL AND full_name = '{ERASED_NAME}'"
    " AND email = 'erased-' || id::text || '@invalid.invalid')"
)
EMAIL = "email ~ '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$'"


class Organization(Base):
    """The tenant. Its limits follow from its tier; NULL is unlimited.

    `alarms_per_year` is what all its live assumptions together may raise falsely; each has an equal share.
    One with `closed_at` is being deleted: nobody is a member any more, and workers know it no more.
    """

    __tablename__ = "organization"
    __table_args__ = (
        length("name", 3, 100),
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug_format"),
        one_of("subscription_tier", TIERS),
        CheckConstraint("alarms_per_year >= 0.001 AND alarms_per_year <= 365", name="alarms_per_year"),
        UniqueConstraint("slug"),
    )

    id: Mapped[IdKey]
    name: Mapped[str]
    slug: Mapped[str]
    subscription_tier: Mapped[str] = mapped_column(server_default=text("'BASIC'"))
    max_projects: Mapped[int | None] = mapped_column(
        Computed("CASE subscription_tier WHEN 'BASIC' THEN 3 WHEN 'PRO' THEN 20 END", persisted=True)
    )
    max_agents_per_project: Mapped[int] = mapped_column(
        Computed("CASE subscription_tier WHEN 'BASIC' THEN 1 WHEN 'PRO' THEN 5 ELSE 20 END", persisted=True)
    )
    timezone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    alarms_per_year: Mapped[float] = mapped_column(server_default=text("1"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    version: Mapped[Version]
    closed_at: Mapped[datetime | None]


class User(Base):
    """A person. What a person may do stands in their memberships.

    Who was erased (`erased_at`) is a pseudonym that their history keeps pointing at, and nobody signs in as.
    """

    __tablename__ = "app_user"
    __table_args__ = (
        CheckConstraint(EMAIL, name="email_format"),
        CheckConstraint(ERASED, name="erased"),
        length("full_name", 2, 100),
        one_of("auth_provider", AUTH_PROVIDERS),
        UniqueConstraint("auth_provider", "auth_provider_id"),
        Index("uq_app_user_email", func.lower(text("email")), unique=True),
    )

    id: Mapped[IdKey]
    email: Mapped[str]
    full_name: Mapped[str]
    auth_provider: Mapped[str] = mapped_column(server_default=text("'supabase'"))
    auth_provider_id: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    last_login_at: Mapped[datetime | None]
    version: Mapped[Version]
    erased_at: Mapped[datetime | None]


class OrganizationMember(Base):
    """A user's role in an organisation; ended by `removed_at`."""

    __tablename__ = "organization_members"
    __table_args__ = (one_of("role_in_org", ROLES), Index("ix_organization_members_user_id", "user_id"))

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), primary_key=True)
    role_in_org: Mapped[str]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    removed_at: Mapped[datetime | None]
    version: Mapped[Version]


class Invitation(Base):
    """Somebody asked to join, by e-mail; accepted by who signs in with that address, verified."""

    __tablename__ = "invitation"
    __table_args__ = (
        CheckConstraint(EMAIL, name="email_format"),
        one_of("role_in_org", ROLES),
        CheckConstraint("(accepted_at IS NULL) = (accepted_by IS NULL)", name="accepted"),
        CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name="one_end"),
        Index(
            "uq_invitation_pending",
            "org_id",
            func.lower(text("email")),
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
        Index("ix_invitation_email", func.lower(text("email"))),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    id: Mapped[IdKey]
    email: Mapped[str]
    role_in_org: Mapped[str]
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    revoked_at: Mapped[datetime | None]


class Workspace(Base):
    """A team's part of an organisation."""

    __tablename__ = "workspace"
    __table_args__ = (length("name", 3, 50), UniqueConstraint("org_id", "name"))

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    id: Mapped[IdKey]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default=text("''"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    version: Mapped[Version]


class OrganizationTombstone(Base):
    """What is left of an organisation that was deleted: that it was, when, by which login.

    `slug_sha256` finds it by its slug, which is free again. `audit_sequence` and `audit_hash` are the end of
    its audit chain. `finished_at` is None as long as its log is not gone.
    """

    __tablename__ = "organization_tombstone"
    __table_args__ = (CheckConstraint("octet_length(slug_sha256) = 32", name="slug_sha256"),)

    org_id: Mapped[OrgKey]
    slug_sha256: Mapped[bytes]
    closed_at: Mapped[datetime]
    deleted_at: Mapped[CreatedAt]
    deleted_by: Mapped[str]
    audit_sequence: Mapped[int | None] = mapped_column(BigInteger)
    audit_hash: Mapped[bytes | None]
    finished_at: Mapped[datetime | None]
