"""Where an organisation's alerts go (ADR 0027)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Interval, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, IdKey, length, one_of

CHANNEL_KINDS = ("webhook", "email", "slack", "teams", "pagerduty", "alertmanager", "kafka")
_NO_ADDRESS = (
    """@.type() != "string" || !(@ like_regex """
    """"^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$")"""
    """ || @ like_regex "=[?]\""""
)


class AlertChannel(Base):
    """A place that alerts go to; removed, never deleted, since what was sent there names it.

    `settings` may be shown; `sealed` are its secrets (`storage.channel_secrets`), which the API's role writes
    and cannot read. `secret_changed_at` and `secret_rotated_at` are the database's: when the newest secret
    came, and since when the one before it is live beside it. Whoever is gone for good (410) is disabled.
    """

    __tablename__ = "alert_channel"
    __table_args__ = (
        length("name", 1, 100),
        CheckConstraint(r"name !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'", name="name"),
        one_of("kind", CHANNEL_KINDS),
        CheckConstraint(
            "jsonb_typeof(settings) = 'object' AND octet_length(settings::text) <= 20000", name="settings"
        ),
        CheckConstraint(
            "kind <> 'email' OR jsonb_typeof(settings -> 'to') IS NOT DISTINCT FROM 'array'"
            " AND jsonb_array_length(settings -> 'to') <= 50"
            " AND (jsonb_array_length(settings -> 'to') > 0 OR disabled_at IS NOT NULL"
            " OR removed_at IS NOT NULL)",
            name="recipients",
        ),
        CheckConstraint(
            f"""kind <> 'email' OR NOT settings @? 'strict $.to[*] ? ({_NO_ADDRESS})'""", name="addresses"
        ),
        CheckConstraint(
            "CASE WHEN removed_at IS NOT NULL OR kind IN ('email', 'kafka') THEN sealed IS NULL"
            " WHEN kind = 'alertmanager' THEN true ELSE sealed IS NOT NULL END",
            name="sealed",
        ),
        CheckConstraint("octet_length(sealed) BETWEEN 1 AND 20000", name="sealed_length"),
        CheckConstraint("secret_rotated_at IS NULL OR kind = 'webhook'", name="rotated"),
        CheckConstraint("rate_per_minute BETWEEN 1 AND 6000", name="rate_per_minute"),
        CheckConstraint(
            "heartbeat_every BETWEEN interval '1 minute' AND interval '31 days'", name="heartbeat_every"
        ),
        CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled"),
        length("disabled_reason", 1, 500),
        Index(
            "uq_alert_channel_live_name",
            "org_id",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    id: Mapped[IdKey]
    name: Mapped[str]
    kind: Mapped[str]
    settings: Mapped[dict[str, Any]]
    sealed: Mapped[bytes | None] = mapped_column(deferred=True)
    secret_changed_at: Mapped[datetime | None]
    secret_rotated_at: Mapped[datetime | None]
    rate_per_minute: Mapped[int] = mapped_column(server_default=text("60"))
    heartbeat_every: Mapped[timedelta | None] = mapped_column(Interval)
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    created_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    removed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
