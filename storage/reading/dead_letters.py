from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import DeadLetter

ORDERS: Orders = {"refused_at": (DeadLetter.refused_at, DeadLetter.id)}


@dataclass(frozen=True)
class Wanted:
    """Which letters: None says all; `since` is about `refused_at`, inclusive."""

    project_id: UUID | None = None
    reason: str | None = None
    topic: str | None = None
    since: datetime | None = None


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[DeadLetter]:
    """Return a part of the organisation's dead letters."""
    query = select(DeadLetter).where(DeadLetter.org_id == org_id)
    for column in ("project_id", "reason", "topic"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(DeadLetter, column) == value)
    if wanted.since:
        query = query.where(DeadLetter.refused_at >= wanted.since)
    return await page(session, query, part)
