"""What a project's OTLP metrics are for us."""

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, within_org


class OtlpMapping(Base):
    """One version of a project's mapping (`metrics.otlp_rules`); the newest one holds, and none is edited.

    `version` is given by the database: 1, 2, 3 without a gap.
    """

    __tablename__ = "otlp_mapping"
    __table_args__ = (
        within_org("project_id", "project"),
        UniqueConstraint("org_id", "project_id", "version"),
        CheckConstraint("version >= 1", name="version"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
