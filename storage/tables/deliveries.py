"""What is told to a channel, and where each channel stands with it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Float, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, IdKey, OrgKey, length, one_of, within_org, within_project

DELIVERY_KINDS = (
    "detected",
    "reclassified",
    "resolved",
    "reminder",
    "escalated",
    "acknowledged",
    "storm",
    "digest",
    "notice",
    "heartbeat",
    "refresh",
    "test",
)
DELIVERY_STATUSES = ("PENDING", "SENT", "DEAD")
_HEAD = text("next_attempt_at IS NOT NULL")
_PENDING = text("status = 'PENDING'")


class AlertDelivery(Base):
    """One message to one channel: it waits, was sent, or was given up.

    Of a thread (what its messages are about) the first that waits is the head: it alone has a
    `next_attempt_at`. `body` is what is sent, to the byte, and gone when it was; a test's is made as it is
    sent. The API's role sees neither it nor the headers. `pending_since` is when it was written, or sent
    again by somebody. `project_id` is NULL for what is about several projects, or none. `sequence` grows
    within a channel, not without gaps.
    """

    __tablename__ = "alert_delivery"
    __table_args__ = (
        within_org("channel_id", "alert_channel"),
        within_org("project_id", "project"),
        within_project("report_id", "divergence_report"),
        UniqueConstraint("org_id", "channel_id", "thread_id", "sequence"),
        one_of("kind", DELIVERY_KINDS),
        one_of("status", DELIVERY_STATUSES),
        CheckConstraint("sequence > 0", name="sequence"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("report_id IS NULL OR project_id IS NOT NULL", name="whose"),
        CheckConstraint("next_attempt_at IS NULL OR status = 'PENDING'", name="head"),
        CheckConstraint("(status = 'SENT') = (sent_at IS NOT NULL)", name="sent"),
        CheckConstraint("status <> 'DEAD' OR last_error IS NOT NULL", name="dead"),
        CheckConstraint(
            "CASE WHEN status = 'SENT' THEN body IS NULL ELSE body IS NOT NULL OR kind = 'test' END",
            name="body",
        ),
        length("last_error", 1, 500),
        Index(
            "ix_alert_delivery_head",
            "org_id",
            "channel_id",
            "thread_id",
            unique=True,
            postgresql_where=_HEAD,
        ),
        Index("ix_alert_delivery_due", "org_id", "channel_id", "next_attempt_at", postgresql_where=_HEAD),
        Index(
            "ix_alert_delivery_waiting",
            "org_id",
            "channel_id",
            "thread_id",
            "sequence",
            postgresql_where=_PENDING,
        ),
        Index(
            "ix_alert_delivery_pending_since",
            "org_id",
            "channel_id",
            "pending_since",
            postgresql_where=_PENDING,
        ),
        Index(
            "ix_alert_delivery_dead",
            "org_id",
            "channel_id",
            "created_at",
            "id",
            postgresql_where=text("status = 'DEAD'"),
        ),
        Index("ix_alert_delivery_created_at", "org_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_alert_delivery_report",
            "org_id",
            "report_id",
            "created_at",
            "id",
            postgresql_where=text("report_id IS NOT NULL"),
        ),
        Index("ix_alert_delivery_age", "created_at", postgresql_using="brin"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    channel_id: Mapped[UUID]
    project_id: Mapped[UUID | None]
    report_id: Mapped[UUID | None]
    thread_id: Mapped[UUID]
    sequence: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    body: Mapped[bytes | None] = mapped_column(deferred=True)
    headers: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"), deferred=True)
    status: Mapped[str] = mapped_column(server_default=text("'PENDING'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_attempt_at: Mapped[datetime | None]
    pending_since: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class AlertLane(Base):
    """Where the relays stand with a channel: its lease, circuit and rate.

    `due_at` is when a relay looks at it next; NULL, if nothing waits. While `lease` holds, the relay that has
    it sends, and no other. The circuit is open until `open_until`, after `failures` in a row. `tokens` are
    what its rate had left at `tokens_at`. `sequences` counts the deliveries so far.
    """

    __tablename__ = "alert_lane"
    __table_args__ = (
        within_org("channel_id", "alert_channel"),
        CheckConstraint("(lease IS NULL) = (leased_until IS NULL)", name="leased"),
        CheckConstraint("failures >= 0", name="failures"),
        CheckConstraint("tokens >= 0", name="tokens"),
        Index("ix_alert_lane_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )

    org_id: Mapped[OrgKey]
    channel_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequences: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    due_at: Mapped[datetime | None]
    lease: Mapped[UUID | None]
    leased_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    open_until: Mapped[datetime | None]
    tokens: Mapped[float] = mapped_column(Float(53), server_default=text("0"))
    tokens_at: Mapped[datetime | None]
