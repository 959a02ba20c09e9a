from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import ProjectAccess

ORDERS: Orders = {
    "created_at": (ProjectAccess.created_at, ProjectAccess.user_id),
    "updated_at": (ProjectAccess.updated_at, ProjectAccess.user_id),
}


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, since: datetime | None, part: Slice
) -> list[ProjectAccess]:
    """Return a part of the roles in the project; `since` is about `created_at`, inclusive."""
    query = select(ProjectAccess).where(
        ProjectAccess.org_id == org_id, ProjectAccess.project_id == project_id
    )
    if since:
        query = query.where(ProjectAccess.created_at >= since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, project_id: UUID, user_id: UUID) -> ProjectAccess | None:
    """Return a member's role in the project, if there is one and it is within sight."""
    query = select(ProjectAccess).where(
        ProjectAccess.org_id == org_id,
        ProjectAccess.project_id == project_id,
        ProjectAccess.user_id == user_id,
    )
    return (await session.scalars(query)).one_or_none()
