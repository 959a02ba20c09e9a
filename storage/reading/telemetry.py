from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage.reading.pages import Orders, Slice, page_of
from storage.tables import Partial, Telemetry

ORDERS: Orders = {
    "timestamp": (Telemetry.timestamp, Telemetry.metric_name, Telemetry.cohort, Telemetry.feature)
}

_SKETCHES = {"latency_sketch", "users_sketch", "positive_users_sketch"}
_READ = [column for column in Telemetry.__table__.columns if column.name not in _SKETCHES]


@dataclass(frozen=True)
class Wanted:
    """Which hours: None says all; `since` is inclusive, `until` is not."""

    metric_name: str | None = None
    cohort: str | None = None
    feature: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(
        self, table: type[Telemetry | Partial], hour: InstrumentedAttribute[datetime]
    ) -> Iterator[ColumnElement[bool]]:
        """Yield what a row of `table` must meet; `hour` is its column of the start of the hour."""
        for column in ("metric_name", "cohort", "feature"):
            value = getattr(self, column)
            if value is not None:
                yield getattr(table, column) == value
        if self.since:
            yield hour >= self.since
        if self.until:
            yield hour < self.until


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> Sequence[Row[Any]]:
    """Return a part of the project's hourly rows, without their sketches."""
    query = (
        select(*_READ)
        .where(Telemetry.org_id == org_id, Telemetry.project_id == project_id)
        .where(*wanted.conditions(Telemetry, Telemetry.timestamp))
    )
    return await page_of(session, query, part)
