"""When alerts wait: silences that people make, and windows that come again."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, SmallInteger, Time, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from routing.calm import LONGEST, WindowKind
from routing.severity import Severity
from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, Version, length, one_of

_HOURS = LONGEST.days * 24
"""Hours, since how long a day is depends on a session's time zone."""
LETS_THROUGH = (Severity.CRITICAL, Severity.ERROR, Severity.WARNING)
"""From how loud on an alert may pass; one that lets all pass holds nothing."""


class AlertSilence(Base):
    """From when until when alerts wait that `matchers` (`routing.matchers`) are about; ended, never changed.

    Alerts that still hold at its end are told then. `project_ids` are those that the matchers name, {} where
    they name none: whoever edits all of them may silence them, an ADMIN anything (ADR 0029).
    """

    __tablename__ = "alert_silence"
    __table_args__ = (
        CheckConstraint("public.are_matchers(matchers)", name="matchers"),
        CheckConstraint(
            f"ends_at > starts_at AND ends_at <= starts_at + interval '{_HOURS} hours'", name="span"
        ),
        length("reason", 3, 2000),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL) AND ended_at <= ends_at", name="ended"),
        Index("ix_alert_silence_live", "org_id", func.coalesce(text("ended_at"), text("ends_at"))),
    )

    org_id: Mapped[OrgKey] = mapped_column(ForeignKey("organization.id"))
    id: Mapped[IdKey]
    matchers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    project_ids: Mapped[list[UUID]] = mapped_column(
        ARRAY(Uuid()), Computed("public.matched_projects(matchers)", persisted=True)
    )
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))


class AlertWindow(Base):
    """Hours of the week in which alerts that `matchers` are about wait, by the clock of a time zone.

    It begins at `from_time` of each of `weekdays` (1 is Monday) from `first_day` to `last_day`, NULL being
    open, and ends at the next `to_time`: where that is `from_time`, a day later. What is as loud as
    `lets_through` passes; NULL: nothing does. Taken back, never deleted.
    """

    __tablename__ = "alert_window"
    __table_args__ = (
        CheckConstraint("public.are_matchers(matchers)", name="matchers"),
        one_of("kind", WindowKind),
        one_of("lets_through", LETS_THROUGH),
        length("name", 1, 100),
        length("timezone", 1, 100),
        CheckConstraint(
            "array_ndims(weekdays) = 1 AND cardinality(weekdays) BETWEEN 1 AND 7"
            " AND weekdays <@ '{1,2,3,4,5,6,7}'::smallint[]",
            name="weekdays",
        ),
        CheckConstraint("from_time < '24:00' AND extract(second FROM from_time) = 0", name="from_time"),
        CheckConstraint("to_time < '24:00' AND extract(second FROM to_time) = 0", name="to_time"),
        CheckConstraint(
            "first_day >= '1900-01-01' AND last_day <= '9000-01-01' AND first_day <= '9000-01-01'"
            " AND last_day >= '1900-01-01' AND first_day <= last_day",
            name="days",
        ),
        Index(
            "uq_alert_window_live_name",
            "org_id",
            func.lower(text("name")),
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    org_id: Mapped[OrgKey] = mapped_column(ForeignKey("organization.id"))
    id: Mapped[IdKey]
    name: Mapped[str]
    kind: Mapped[str]
    matchers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    timezone: Mapped[str]
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger()))
    from_time: Mapped[time] = mapped_column(Time())
    to_time: Mapped[time] = mapped_column(Time())
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    lets_through: Mapped[str | None]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    version: Mapped[Version]
    removed_at: Mapped[datetime | None]
