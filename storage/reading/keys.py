from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import MachineKey

ORDERS: Orders = {
    "created_at": (MachineKey.created_at, MachineKey.id),
    "name": (MachineKey.name, MachineKey.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which keys: None says all; `since` is about `created_at`, inclusive."""

    project_id: UUID | None = None
    include_revoked: bool = False
    since: datetime | None = None


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[MachineKey]:
    """Return a part of the organisation's machine keys, without what is kept of their secrets."""
    return await page(session, _chosen(org_id, wanted), part)


async def every(session: AsyncSession, org_id: UUID, wanted: Wanted) -> list[MachineKey]:
    """Return the organisation's machine keys, the first made first."""
    query = _chosen(org_id, wanted).order_by(MachineKey.created_at, MachineKey.id)
    return list((await session.scalars(query)).all())


def _chosen(org_id: UUID, wanted: Wanted) -> Select[MachineKey]:
    query = select(MachineKey).where(MachineKey.org_id == org_id)
    if wanted.project_id:
        query = query.where(MachineKey.project_id == wanted.project_id)
    if not wanted.include_revoked:
        query = query.where(MachineKey.revoked_at.is_(None))
    if wanted.since:
        query = query.where(MachineKey.created_at >= wanted.since)
    return query


async def one(session: AsyncSession, org_id: UUID, key_id: UUID) -> MachineKey | None:
    """Return the key, revoked or not, if it is there and within sight."""
    query = select(MachineKey).where(MachineKey.org_id == org_id, MachineKey.id == key_id)
    return (await session.scalars(query)).one_or_none()
