"""What cumulative OTLP series last said: it belongs to the machinery, and no person reads it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, OrgKey


class OtlpSeries(Base):
    """A cumulative series since one start; whoever adds to it locks this row first.

    `series` is a hash of all that names it: resource, scope, metric, attributes. `started_ns` is OTLP's
    start time, nanoseconds, 0 where the producer does not tell.
    """

    __tablename__ = "otlp_series"

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    series: Mapped[UUID] = mapped_column(primary_key=True)
    started_ns: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    newest_hour: Mapped[datetime]


class OtlpPoint(Base):
    """The last point of an hour; what the hour added is its difference to that of the hour before."""

    __tablename__ = "otlp_point"
    __table_args__ = (Index("ix_otlp_point_hour", "org_id", "project_id", "hour"),)

    org_id: Mapped[OrgKey]
    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    series: Mapped[UUID] = mapped_column(primary_key=True)
    started_ns: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    time_ns: Mapped[int] = mapped_column(BigInteger)
    reading: Mapped[bytes]
