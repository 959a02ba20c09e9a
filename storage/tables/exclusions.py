"""What a team takes out of detection."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from detectors.exclusions import LONGEST, ExclusionKind
from metrics.names import Metric
from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, length, one_of, within_org

_HOURS = LONGEST // timedelta(hours=1)
"""Hours, since how long a day is depends on a session's time zone."""


class ExclusionWindow(Base):
    """Hours that are not detected on, of a project or of some of its series; taken back, never deleted.

    A `metric_name` of NULL, a `cohort` or `feature` of '' says: whichever it is.
    """

    __tablename__ = "exclusion_window"
    __table_args__ = (
        within_org("project_id", "project"),
        one_of("kind", ExclusionKind),
        one_of("metric_name", Metric),
        length("reason", 3, 500),
        CheckConstraint(
            f"ends_at > starts_at AND ends_at <= starts_at + interval '{_HOURS} hours'",
            name="span",
        ),
        CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="removed"),
        Index("ix_exclusion_window_project", "org_id", "project_id", "starts_at"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    kind: Mapped[str]
    reason: Mapped[str]
    metric_name: Mapped[str | None]
    cohort: Mapped[str] = mapped_column(server_default=text("''"))
    feature: Mapped[str] = mapped_column(server_default=text("''"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    removed_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    removed_at: Mapped[datetime | None]


class HolidayCalendar(Base):
    """One version of a project's holidays; the newest one holds, and none is edited.

    `holidays` are days with their names, `{"day": "2026-12-25", "name": "Christmas Day", "own": false}`: what
    the library said of `country` and `subdivision` when the version was made, and the team's own. `version`
    and `changed_from`, the first day that the version before has not or has alone, are given by the database.
    """

    __tablename__ = "holiday_calendar"
    __table_args__ = (
        within_org("project_id", "project"),
        UniqueConstraint("org_id", "project_id", "version"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("jsonb_typeof(holidays) = 'array'", name="holidays"),
        CheckConstraint(
            "(country IS NULL) = (first_year IS NULL) AND (country IS NULL) = (last_year IS NULL)"
            " AND (country IS NOT NULL OR subdivision IS NULL)",
            name="country",
        ),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    country: Mapped[str | None]
    subdivision: Mapped[str | None]
    first_year: Mapped[int | None]
    last_year: Mapped[int | None]
    holidays: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    changed_from: Mapped[date | None]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
