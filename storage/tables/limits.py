"""What a project may send: its series and their number, the quotas of its keys, the topics bound to it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from metrics.names import Metric
from storage.tables.base import Base, CreatedAt, OrgKey, one_of, within_org

BOUND_NAME = (
    r"topic ~ '^(raw_metrics|otlp_metrics|backfill_metrics)\.[a-zA-Z0-9._-]+$'"
    r" AND topic !~ '\.(dlq|parked)$' AND char_length(topic) <= 240"
)


class Series(Base):
    """A series that a project has sent: counted against its cap.

    `last_hour` is its newest closed hour, None before the first; `seen_at` is when that was noted.
    """

    __tablename__ = "series"
    __table_args__ = (one_of("metric_name", Metric), {"postgresql_with": {"fillfactor": "70"}})

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    metric_name: Mapped[str] = mapped_column(primary_key=True)
    cohort: Mapped[str] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(primary_key=True)
    first_seen: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]
    last_hour: Mapped[datetime | None]


class SeriesCount(Base):
    """How many series a project has: locked by whoever adds one, so that no two pass the cap together."""

    __tablename__ = "series_count"

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    series: Mapped[int] = mapped_column(Integer)
    pruned_at: Mapped[CreatedAt]


class KeyUsage(Base):
    """Samples that a key with a quota has used in the period that began at `period_start`."""

    __tablename__ = "key_usage"
    __table_args__ = (within_org("key_id", "machine_key", ondelete="CASCADE"),)

    org_id: Mapped[OrgKey]
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    period_start: Mapped[datetime]
    used: Mapped[int] = mapped_column(BigInteger)


class TopicBinding(Base):
    """A topic whose messages are one project's, without a key; for ever its own, even when unbound."""

    __tablename__ = "topic_binding"
    __table_args__ = (
        UniqueConstraint("topic"),
        CheckConstraint(BOUND_NAME, name="topic"),
        within_org("project_id", "project"),
    )

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    bound_at: Mapped[CreatedAt]
    unbound_at: Mapped[datetime | None]
