"""Which alert goes to which channel."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, length, one_of, within_org

GROUPINGS = ("incident", "report")
COSMETICS = ("digest", "at_once", "never")
CHANNEL_ROLES = ("notify", "escalate")
LAST = 1_000_000
"""The place of the default route: behind all others."""


class AlertRoute(Base):
    """A route of an organisation: what it is about, and how its channels are told (routing.routes.Route).

    The default one is made with the organisation, by nobody; it is about all that no other is about.
    """

    __tablename__ = "alert_route"
    __table_args__ = (
        length("name", 1, 100),
        CheckConstraint(r"name !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'", name="name"),
        CheckConstraint(
            f"CASE WHEN is_default THEN position = {LAST} ELSE position BETWEEN 0 AND {LAST - 1} END",
            name="position",
        ),
        CheckConstraint("are_matchers(matchers)", name="matchers"),
        CheckConstraint(
            "(is_default AND matchers = '{}' AND NOT continues AND created_by IS NULL)"
            " OR (NOT is_default AND created_by IS NOT NULL)",
            name="default",
        ),
        one_of("group_by", GROUPINGS),
        CheckConstraint("group_wait BETWEEN interval '0' AND interval '1 hour'", name="group_wait"),
        CheckConstraint(
            "repeat_every BETWEEN interval '1 hour' AND interval '365 days'", name="repeat_every"
        ),
        one_of("cosmetic", COSMETICS),
        CheckConstraint("storm_at BETWEEN 2 AND 100000", name="storm_at"),
        CheckConstraint(
            "escalate_after BETWEEN interval '1 minute' AND interval '30 days'", name="escalate_after"
        ),
        Index("uq_alert_route_default", "org_id", unique=True, postgresql_where=text("is_default")),
        Index("uq_alert_route_name", "org_id", text("lower(name)"), unique=True),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    id: Mapped[IdKey]
    name: Mapped[str]
    position: Mapped[int]
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    matchers: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    continues: Mapped[bool] = mapped_column(server_default=text("false"))
    group_by: Mapped[str] = mapped_column(server_default=text("'incident'"))
    group_wait: Mapped[timedelta] = mapped_column(server_default=text("'30 seconds'::interval"))
    repeat_every: Mapped[timedelta | None] = mapped_column(server_default=text("'1 day'::interval"))
    cosmetic: Mapped[str] = mapped_column(server_default=text("'digest'"))
    send_resolved: Mapped[bool] = mapped_column(server_default=text("true"))
    storm_at: Mapped[int] = mapped_column(server_default=text("20"))
    escalate_after: Mapped[timedelta | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class AlertRouteChannel(Base):
    """A channel that a route tells: at once ('notify'), or when nobody acknowledges ('escalate')."""

    __tablename__ = "alert_route_channel"
    __table_args__ = (
        within_org("route_id", "alert_route", ondelete="CASCADE"),
        within_org("channel_id", "alert_channel"),
        one_of("role", CHANNEL_ROLES),
        Index("ix_alert_route_channel_channel", "org_id", "channel_id"),
    )

    org_id: Mapped[OrgKey]
    route_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel_id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
