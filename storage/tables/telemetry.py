"""Hourly rows (DataModel.md 8)."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from metrics.names import UNITS, Metric
from storage.tables.base import Base, CreatedAt, OrgKey, one_of, within_org


class Telemetry(Base):
    """One metric of one hour, cohort and feature.

    The key is what the row is about; `id` is derived from it (uuid5), so that a replay writes the same
    ids. `numerator` and `denominator` include the users counted in the sketches.
    """

    __tablename__ = "telemetry"
    __table_args__ = (
        within_org("project_id", "project"),
        one_of("metric_name", Metric),
        one_of("unit", (*sorted(set(UNITS.values())), "rate")),
        CheckConstraint("extract(epoch FROM timestamp)::bigint % 3600 = 0", name="whole_hour"),
        Index("ix_telemetry_page", "org_id", "project_id", "metric_name", text("timestamp DESC")),
        {"postgresql_partition_by": "RANGE (timestamp)"},
    )

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    timestamp: Mapped[datetime] = mapped_column(primary_key=True)
    metric_name: Mapped[str] = mapped_column(primary_key=True)
    cohort: Mapped[str] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    metric_value: Mapped[Decimal] = mapped_column(Numeric)
    unit: Mapped[str]
    numerator: Mapped[Decimal | None] = mapped_column(Numeric)
    denominator: Mapped[Decimal | None] = mapped_column(Numeric)
    sample_count: Mapped[int] = mapped_column(BigInteger)
    user_count: Mapped[int] = mapped_column(BigInteger)
    latency_sketch: Mapped[bytes | None]
    users_sketch: Mapped[bytes | None]
    positive_users_sketch: Mapped[bytes | None]
    revision: Mapped[int] = mapped_column(BigInteger)
    is_final: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
