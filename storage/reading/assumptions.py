from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import AssumptionRow

ORDERS: Orders = {
    "created_at": (AssumptionRow.created_at, AssumptionRow.id),
    "effective_from": (AssumptionRow.effective_from, AssumptionRow.id),
    "key": (AssumptionRow.key, AssumptionRow.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which assumptions: None says all; `since` is about `created_at`, inclusive."""

    artifact_id: UUID | None = None
    metric_name: str | None = None
    is_superseded: bool | None = None
    since: datetime | None = None


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> list[AssumptionRow]:
    """Return a part of the assumptions of the project's approved versions."""
    query = select(AssumptionRow).where(
        AssumptionRow.org_id == org_id, AssumptionRow.project_id == project_id
    )
    for column in ("artifact_id", "metric_name"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(AssumptionRow, column) == value)
    if wanted.is_superseded is not None:
        query = query.where(AssumptionRow.superseded_at.is_not(None) == wanted.is_superseded)
    if wanted.since:
        query = query.where(AssumptionRow.created_at >= wanted.since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, assumption_id: UUID) -> AssumptionRow | None:
    """Return the assumption, if it is there and within sight."""
    query = select(AssumptionRow).where(AssumptionRow.org_id == org_id, AssumptionRow.id == assumption_id)
    return (await session.scalars(query)).one_or_none()
