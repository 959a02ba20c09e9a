from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import Organization


async def edit(
    session: AsyncSession, org_id: UUID, expected: Expected, changes: Mapping[str, Any]
) -> Organization:
    """Change name or time zone of the organisation, and return it; fails as `edits.change` does."""
    return await edits.change(session, Organization, {"id": org_id}, expected, changes)


async def knows_zone(session: AsyncSession, name: str) -> bool:
    """Tell whether the database has a time zone of this name: days are formed there, too."""
    query = text("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = :name)")
    return bool((await session.scalars(query, {"name": name})).one())
