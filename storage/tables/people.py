"""Organisations, people and their keys (DataModel.md 1 to 3)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, Version, length, one_of, within_org

TIERS = ("BASIC", "PRO", "ENTERPRISE")
ROLES = ("ADMIN", "MEMBER", "VIEWER")
AUTH_PROVIDERS = ("supabase", "google", "github")


class Organization(Base):
    """The tenant."""

    __tablename__ = "organization"
    __table_args__ = (
        length("name", 3, 100),
        CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name="slug_format"),
        one_of("subscription_tier", TIERS),
        UniqueConstraint("slug"),
    )

    id: Mapped[IdKey]
    name: Mapped[str]
    slug: Mapped[str]
    subscription_tier: Mapped[str] = mapped_column(server_default=text("'BASIC'"))
    max_projects: Mapped[int | None] = mapped_column(server_default=text("3"))
    max_agents_per_project: Mapped[int] = mapped_column(server_default=text("1"))
    timezone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    version: Mapped[Version]


class User(Base):
    """A person. What a person may do stands in their memberships."""

    __tablename__ = "app_user"
    __table_args__ = (
        CheckConstraint("email ~ '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$'", name="email_format"),
        length("full_name", 2, 100),
        one_of("auth_provider", AUTH_PROVIDERS),
        Index("uq_app_user_email", func.lower(text("email")), unique=True),
    )

    id: Mapped[IdKey]
    email: Mapped[str]
    full_name: Mapped[str]
    auth_provider: Mapped[str] = mapped_column(server_default=text("'supabase'"))
    auth_provider_id: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    last_login_at: Mapped[datetime | None]


class OrganizationMember(Base):
    """A user's role in an organisation; ended by `removed_at`."""

    __tablename__ = "organization_members"
    __table_args__ = (one_of("role_in_org", ROLES), Index("ix_organization_members_user_id", "user_id"))

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"), primary_key=True)
    role_in_org: Mapped[str]
    created_at: Mapped[CreatedAt]
    removed_at: Mapped[datetime | None]


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


class IngestKey(Base):
    """A machine's right to publish for one project; only the hash of its secret is kept."""

    __tablename__ = "ingest_key"
    __table_args__ = (
        within_org("project_id", "project"),
        Index("ix_ingest_key_project", "org_id", "project_id"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    name: Mapped[str]
    secret_sha256: Mapped[bytes]
    created_by: Mapped[UUID | None]
    created_at: Mapped[CreatedAt]
    revoked_at: Mapped[datetime | None]
