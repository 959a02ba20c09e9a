from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import ExclusionWindow

ORDERS: Orders = {
    "starts_at": (ExclusionWindow.starts_at, ExclusionWindow.id),
    "created_at": (ExclusionWindow.created_at, ExclusionWindow.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which windows: those that reach into [since, until), None says open; and whether removed ones too."""

    include_removed: bool = False
    since: datetime | None = None
    until: datetime | None = None


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> list[ExclusionWindow]:
    """Return a part of the project's exclusion windows."""
    query = select(ExclusionWindow).where(
        ExclusionWindow.org_id == org_id, ExclusionWindow.project_id == project_id
    )
    if not wanted.include_removed:
        query = query.where(ExclusionWindow.removed_at.is_(None))
    if wanted.since:
        query = query.where(ExclusionWindow.ends_at > wanted.since)
    if wanted.until:
        query = query.where(ExclusionWindow.starts_at < wanted.until)
    return await page(session, query, part)


async def one(
    session: AsyncSession, org_id: UUID, project_id: UUID, window_id: UUID
) -> ExclusionWindow | None:
    """Return the window, taken back or not, if it is there and within sight."""
    query = select(ExclusionWindow).where(
        ExclusionWindow.org_id == org_id,
        ExclusionWindow.project_id == project_id,
        ExclusionWindow.id == window_id,
    )
    return (await session.scalars(query)).one_or_none()
