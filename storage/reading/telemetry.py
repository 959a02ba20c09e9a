from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, defer

from storage.reading.pages import Orders, Slice, page
from storage.tables import Partial, Telemetry

ORDERS: Orders = {
    "timestamp": (Telemetry.timestamp, Telemetry.metric_name, Telemetry.cohort, Telemetry.feature)
}


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
) -> list[Telemetry]:
    """Return a part of the project's hourly rows, without their sketches."""
    query = (
        select(Telemetry)
        .where(Telemetry.org_id == org_id, Telemetry.project_id == project_id)
        .where(*wanted.conditions(Telemetry, Telemetry.timestamp))
        .options(*(defer(sketch) for sketch in _SKETCHES))
    )
    return await page(session, query, part)


_SKETCHES = (Telemetry.latency_sketch, Telemetry.users_sketch, Telemetry.positive_users_sketch)
