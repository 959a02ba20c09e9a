from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import AlertNotice

ORDERS: Orders = {"opened_at": (AlertNotice.opened_at, AlertNotice.id)}


@dataclass(frozen=True)
class Wanted:
    """Which notices: None says all; `since` is about `opened_at`, inclusive."""

    project_id: UUID | None = None
    kind: str | None = None
    is_open: bool | None = None
    since: datetime | None = None


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[AlertNotice]:
    """Return a part of the organisation's notices."""
    query = select(AlertNotice).where(AlertNotice.org_id == org_id)
    for column in ("project_id", "kind"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(AlertNotice, column) == value)
    if wanted.is_open is not None:
        query = query.where(AlertNotice.ended_at.is_(None) == wanted.is_open)
    if wanted.since:
        query = query.where(AlertNotice.opened_at >= wanted.since)
    return await page(session, query, part)
