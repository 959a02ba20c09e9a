"""The ledger, the hours being built, and what waits to be sent: what makes it exactly once."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Numeric, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, OrgKey, one_of

DESTINATIONS = ("kafka", "webhook")


class PartitionLedger(Base):
    """Where a consumer stands in a partition; moves in the transaction of the rows it stands for.

    `epoch` names the owner's claim: a worker that lost the partition moves nothing. `caught_up_at` is the
    last time the partition was read to its end.
    `topic_id` is Kafka's id of the topic: a recreated topic starts at zero and is not the same.
    `reset_*` tell of the last time an operator set it (`augentis ledger reset`): when, from where, why.
    """

    __tablename__ = "partition_ledger"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    next_offset: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(BigInteger)
    owner: Mapped[str]
    topic_id: Mapped[str]
    caught_up_at: Mapped[datetime | None]
    fresh_at: Mapped[datetime]
    reset_at: Mapped[datetime | None]
    reset_from: Mapped[int | None] = mapped_column(BigInteger)
    reset_reason: Mapped[str | None]


class Partial(Base):
    """What one source partition contributed to one metric of one hour: absolute, never a delta.

    `dirty` until a closer has merged this revision into Telemetry.
    """

    __tablename__ = "partial"
    __table_args__ = (
        Index("ix_partial_dirty", "org_id", "project_id", "hour", postgresql_where=text("dirty")),
        {"postgresql_partition_by": "RANGE (hour)"},
    )

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    metric_name: Mapped[str] = mapped_column(primary_key=True)
    cohort: Mapped[str] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    value_micro: Mapped[int] = mapped_column(Numeric(38, 0))
    of_micro: Mapped[int] = mapped_column(Numeric(38, 0))
    sample_count: Mapped[int] = mapped_column(BigInteger)
    users: Mapped[bytes | None]
    positive_users: Mapped[bytes | None]
    latency: Mapped[bytes | None]
    revision: Mapped[int] = mapped_column(BigInteger)
    dirty: Mapped[bool]


class BatchSeen(Base):
    """A batch counted: its resend, in whatever partition, is not.

    `week` is the Monday (UTC) of its first sight; about its border it is noted in both weeks (ADR 0014).
    """

    __tablename__ = "batch_seen"
    __table_args__ = ({"postgresql_partition_by": "RANGE (week)"},)

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    week: Mapped[date] = mapped_column(primary_key=True)


class ProjectWatermark(Base):
    """How far in event time a project has come in one source partition, and when it was last seen there."""

    __tablename__ = "project_watermark"

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    first_event: Mapped[datetime]
    event_time: Mapped[datetime]
    seen_at: Mapped[datetime]


class ProjectClock(Base):
    """How far a project's hours and local days are closed; `day_closed_at` is when the last day was."""

    __tablename__ = "project_clock"

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    closed_through: Mapped[datetime]
    day_closed_through: Mapped[date]
    day_closed_at: Mapped[datetime | None]


class Outbox(Base):
    """What must reach Kafka or a webhook, written in the transaction that caused it.

    Rows of no tenant (a message that names no organisation of ours) have the nil UUID and are the
    operator's. `sealed` values are encrypted: they hold a producer's original bytes.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("destination", DESTINATIONS),
        Index("ix_outbox_due", "destination", "next_attempt_at", "id"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    destination: Mapped[str]
    topic: Mapped[str]
    key: Mapped[bytes | None]
    value: Mapped[bytes | None]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    sealed: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_attempt_at: Mapped[CreatedAt]
    last_error: Mapped[str | None]
