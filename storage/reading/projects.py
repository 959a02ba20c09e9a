from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import page
from storage.tables import Project

KEY = (Project.created_at, Project.id)


async def listed(
    session: AsyncSession, org_id: UUID, *, is_archived: bool, after: Sequence[object] | None, limit: int
) -> list[Project]:
    """Return a page of the organisation's projects."""
    query = select(Project).where(Project.org_id == org_id, Project.is_archived == is_archived)
    return await page(session, query, KEY, after, limit)


async def one(session: AsyncSession, org_id: UUID, project_id: UUID) -> Project | None:
    """Return the project, if it is there and within sight."""
    query = select(Project).where(Project.org_id == org_id, Project.id == project_id)
    return (await session.scalars(query)).one_or_none()
