"""What the system notices of a project by itself: silence, refusals, days that wait for detection."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from routing.matchers import NoticeKind
from storage.tables.base import Base, CreatedAt, OrgKey, one_of, within_org


class AlertNotice(Base):
    """Something that the system noticed of a project, open until it is over.

    `cohort` is '' but of COHORT_SILENT, where '' is the samples that name none. `detail` says what the kind
    asks for (docs/watching.md).
    """

    __tablename__ = "alert_notice"
    __table_args__ = (
        within_org("project_id", "project"),
        one_of("kind", NoticeKind),
        CheckConstraint("kind = 'COHORT_SILENT' OR cohort = ''", name="cohort"),
        CheckConstraint("ended_at >= opened_at", name="ended"),
        CheckConstraint("jsonb_typeof(detail) = 'object'", name="detail"),
        Index(
            "uq_alert_notice_open",
            *("org_id", "project_id", "kind", "cohort"),
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_alert_notice_page", "org_id", "opened_at", "id"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    project_id: Mapped[UUID]
    kind: Mapped[str]
    cohort: Mapped[str] = mapped_column(server_default=text("''"))
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    updated_at: Mapped[CreatedAt]
