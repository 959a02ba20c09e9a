"""What was refused: where it lies, and why."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, one_of

REASONS = (
    "not_json",
    "bad_schema",
    "unknown_org",
    "unknown_project",
    "unknown_metric",
    "bad_value",
    "bad_unit",
    "bad_timestamp",
    "future",
    "too_late",
    "too_large",
    "too_many_series",
    "tenant_mismatch",
    "bad_key",
    "over_quota",
    "unmapped",
)


class DeadLetter(Base):
    """A record, or the samples of it at `indices`, that was refused; its bytes are in Kafka alone.

    `id` stands in the header `augentis-letter` of the record in `<topic>.dlq`. What belongs to no tenant has
    the nil UUID and no project, and is the operator's. `sample_count` is 0 where the whole record was
    refused. `key_id` is the ingest key that the record named, whether or not it was that key.
    `replayed_as` is the batch id under which it was published again.
    """

    __tablename__ = "dead_letter"
    __table_args__ = (
        one_of("reason", REASONS),
        CheckConstraint(
            "(org_id = '00000000-0000-0000-0000-000000000000') = (project_id IS NULL)", name="whose"
        ),
        CheckConstraint("(replayed_at IS NULL) = (replayed_as IS NULL)", name="replayed"),
        Index("ix_dead_letter_refused_at", "org_id", text("refused_at DESC"), text("id DESC")),
        Index("ix_dead_letter_age", "refused_at", postgresql_using="brin"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID | None]
    topic: Mapped[str]
    partition: Mapped[int]
    record_offset: Mapped[int] = mapped_column(BigInteger)
    record_at: Mapped[datetime]
    reason: Mapped[str]
    indices: Mapped[list[int]] = mapped_column(JSONB)
    sample_count: Mapped[int]
    key_id: Mapped[UUID | None]
    refused_at: Mapped[CreatedAt]
    replayed_at: Mapped[datetime | None]
    replayed_as: Mapped[UUID | None]
