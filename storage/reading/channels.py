from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import AlertChannel

ORDERS: Orders = {
    "created_at": (AlertChannel.created_at, AlertChannel.id),
    "updated_at": (AlertChannel.updated_at, AlertChannel.id),
    "name": (AlertChannel.name, AlertChannel.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which channels: None says all; `since` is about `created_at`, inclusive."""

    kind: str | None = None
    since: datetime | None = None


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[AlertChannel]:
    """Return a part of the organisation's channels, without those that were removed."""
    query = select(AlertChannel).where(AlertChannel.org_id == org_id, AlertChannel.removed_at.is_(None))
    if wanted.kind:
        query = query.where(AlertChannel.kind == wanted.kind)
    if wanted.since:
        query = query.where(AlertChannel.created_at >= wanted.since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, channel_id: UUID) -> AlertChannel | None:
    """Return the channel, if it is there, within sight and not removed."""
    query = select(AlertChannel).where(
        AlertChannel.org_id == org_id, AlertChannel.id == channel_id, AlertChannel.removed_at.is_(None)
    )
    return (await session.scalars(query)).one_or_none()
