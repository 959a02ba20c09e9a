from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import AlertDelivery

ORDERS: Orders = {"created_at": (AlertDelivery.created_at, AlertDelivery.id)}


@dataclass(frozen=True)
class Wanted:
    """Which deliveries: None says all; `since` is about `created_at`, inclusive."""

    status: str | None = None
    channel_id: UUID | None = None
    report_id: UUID | None = None
    since: datetime | None = None


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[AlertDelivery]:
    """Return a part of the organisation's deliveries, without what was sent."""
    query = select(AlertDelivery).where(AlertDelivery.org_id == org_id)
    for column in ("status", "channel_id", "report_id"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(AlertDelivery, column) == value)
    if wanted.since:
        query = query.where(AlertDelivery.created_at >= wanted.since)
    return await page(session, query, part)


async def count(session: AsyncSession, org_id: UUID, status: str, channel_id: UUID) -> int:
    """Return how many of a channel's deliveries stand so."""
    query = select(func.count()).where(
        AlertDelivery.org_id == org_id,
        AlertDelivery.channel_id == channel_id,
        AlertDelivery.status == status,
    )
    return (await session.scalars(query)).one()


async def one(session: AsyncSession, org_id: UUID, delivery_id: UUID) -> AlertDelivery | None:
    """Return the delivery as it is now, if it is there and within sight."""
    query = select(AlertDelivery).where(AlertDelivery.org_id == org_id, AlertDelivery.id == delivery_id)
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()
