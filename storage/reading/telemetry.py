from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from storage.reading.pages import page
from storage.tables import Telemetry

KEY = (Telemetry.timestamp, Telemetry.metric_name, Telemetry.cohort, Telemetry.feature)


@dataclass(frozen=True)
class Wanted:
    """Which hours: None says all; `since` is inclusive, `until` is not."""

    metric_name: str | None = None
    cohort: str | None = None
    feature: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def listed(
    session: AsyncSession,
    org_id: UUID,
    project_id: UUID,
    wanted: Wanted,
    *,
    after: Sequence[object] | None,
    limit: int,
) -> list[Telemetry]:
    """Return a page of the project's hourly rows, without their sketches."""
    query = (
        select(Telemetry)
        .where(Telemetry.org_id == org_id, Telemetry.project_id == project_id)
        .options(*(defer(sketch) for sketch in _SKETCHES))
    )
    for column in ("metric_name", "cohort", "feature"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(Telemetry, column) == value)
    if wanted.since:
        query = query.where(Telemetry.timestamp >= wanted.since)
    if wanted.until:
        query = query.where(Telemetry.timestamp < wanted.until)
    return await page(session, query, KEY, after, limit)


_SKETCHES = (Telemetry.latency_sketch, Telemetry.users_sketch, Telemetry.positive_users_sketch)
