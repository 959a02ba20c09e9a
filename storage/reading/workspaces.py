from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import Workspace

ORDERS: Orders = {
    "created_at": (Workspace.created_at, Workspace.id),
    "updated_at": (Workspace.updated_at, Workspace.id),
    "name": (Workspace.name, Workspace.id),
}


async def listed(session: AsyncSession, org_id: UUID, since: datetime | None, part: Slice) -> list[Workspace]:
    """Return a part of the organisation's workspaces; `since` is about `created_at`, inclusive."""
    query = select(Workspace).where(Workspace.org_id == org_id)
    if since:
        query = query.where(Workspace.created_at >= since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, workspace_id: UUID) -> Workspace | None:
    """Return the workspace, if it is there and within sight."""
    query = select(Workspace).where(Workspace.org_id == org_id, Workspace.id == workspace_id)
    return (await session.scalars(query)).one_or_none()
