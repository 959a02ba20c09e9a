from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import Project
from storage.tenancy import Claims


async def named(session: AsyncSession, org_id: UUID, name: str) -> Sequence[Project]:
    """Return the projects called `name` that are not archived: one a workspace at most."""
    query = select(Project).where(Project.org_id == org_id, Project.name == name, ~Project.is_archived)
    return (await session.scalars(query)).all()


async def locked(session: AsyncSession, org_id: UUID, project_id: UUID) -> Project:
    """Return the project; who else asks for it waits until this transaction ends."""
    query = select(Project).where(Project.org_id == org_id, Project.id == project_id).with_for_update()
    return (await session.scalars(query)).one()


async def create(
    session: AsyncSession, claims: Claims, workspace_id: UUID, *, name: str, **fields: str
) -> UUID | None:
    """Return the id of a new project; None where its workspace has one of that name."""
    row = insert(Project).values(
        org_id=claims.org_id,
        id=uuid4(),
        workspace_id=workspace_id,
        name=name,
        created_by=claims.user_id,
        **fields,
    )
    return (await session.scalars(row.on_conflict_do_nothing().returning(Project.id))).first()


async def add(session: AsyncSession, claims: Claims, **fields: Any) -> Project:
    """Return a new project.

    Raises:
        IntegrityError: its workspace is not there, or has one of this name.
        DBAPIError: the organisation has as many as its tier allows (AG001).
    """
    row = insert(Project).values(org_id=claims.org_id, id=uuid4(), created_by=claims.user_id, **fields)
    return (await session.scalars(row.returning(Project))).one()


async def edit(
    session: AsyncSession, org_id: UUID, project_id: UUID, expected: Expected, changes: Mapping[str, Any]
) -> Project:
    """Change a project of a version that was read, and return it; fails as `edits.change` does."""
    return await edits.change(session, Project, {"org_id": org_id, "id": project_id}, expected, changes)


async def change(session: AsyncSession, claims: Claims, project: Project, **fields: Any) -> bool:
    """Set the fields that differ; tell whether any did."""
    differing = {name: value for name, value in fields.items() if getattr(project, name) != value}
    if differing:
        await session.execute(
            update(Project)
            .where(Project.org_id == claims.org_id, Project.id == project.id)
            .values(**differing)
        )
    return bool(differing)
