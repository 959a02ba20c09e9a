from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import Project

ORDERS: Orders = {
    "created_at": (Project.created_at, Project.id),
    "updated_at": (Project.updated_at, Project.id),
    "name": (Project.name, Project.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which projects: None says all; `since` is about `created_at`, inclusive."""

    is_archived: bool = False
    workspace_id: UUID | None = None
    since: datetime | None = None


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[Project]:
    """Return a part of the organisation's projects."""
    query = select(Project).where(Project.org_id == org_id, Project.is_archived == wanted.is_archived)
    if wanted.workspace_id:
        query = query.where(Project.workspace_id == wanted.workspace_id)
    if wanted.since:
        query = query.where(Project.created_at >= wanted.since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, project_id: UUID) -> Project | None:
    """Return the project, if it is there and within sight."""
    query = select(Project).where(Project.org_id == org_id, Project.id == project_id)
    return (await session.scalars(query)).one_or_none()
