from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import Workspace
from storage.tenancy import Claims


async def ensure(session: AsyncSession, claims: Claims, name: str) -> UUID:
    """Return the workspace called `name`, made where it is missing."""
    await session.execute(
        insert(Workspace)
        .values(org_id=claims.org_id, id=uuid4(), name=name, created_by=claims.user_id)
        .on_conflict_do_nothing()
    )
    found = select(Workspace.id).where(Workspace.org_id == claims.org_id, Workspace.name == name)
    return (await session.scalars(found)).one()


async def add(session: AsyncSession, claims: Claims, **fields: str) -> Workspace:
    """Return a new workspace.

    Raises:
        IntegrityError: the organisation has one of this name.
    """
    row = insert(Workspace).values(org_id=claims.org_id, id=uuid4(), created_by=claims.user_id, **fields)
    return (await session.scalars(row.returning(Workspace))).one()


async def edit(
    session: AsyncSession, org_id: UUID, workspace_id: UUID, expected: Expected, changes: Mapping[str, Any]
) -> Workspace:
    """Change a workspace, and return it; fails as `edits.change` does."""
    return await edits.change(session, Workspace, {"org_id": org_id, "id": workspace_id}, expected, changes)


async def oldest(session: AsyncSession, org_id: UUID) -> UUID | None:
    """Return the organisation's first workspace, where its projects go unless told otherwise."""
    query = select(Workspace.id).where(Workspace.org_id == org_id)
    return (await session.scalars(query.order_by(Workspace.created_at, Workspace.id).limit(1))).first()


async def exists(session: AsyncSession, org_id: UUID, workspace_id: UUID) -> bool:
    """Tell whether the workspace is one of the organisation's."""
    query = select(Workspace.id).where(Workspace.org_id == org_id, Workspace.id == workspace_id)
    return (await session.scalars(query)).first() is not None
