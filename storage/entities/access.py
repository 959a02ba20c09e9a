"""Roles in a project, in place of those in the organisation."""

from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.errors import NotThereError
from storage.tables import OrganizationMember, ProjectAccess


async def put(
    session: AsyncSession, org_id: UUID, project_id: UUID, user_id: UUID, role: str
) -> tuple[ProjectAccess, bool]:
    """Give a member a role in the project; return it, and whether they had none before.

    Raises:
        NotThereError: there is no such member.
        NotAllowedError: the caller is no ADMIN.
    """
    key = {"org_id": org_id, "project_id": project_id, "user_id": user_id}
    try:
        return await edits.change(session, ProjectAccess, key, None, {"role": role}), False
    except NotThereError:
        await _is_a_member(session, org_id, user_id)
    row = insert(ProjectAccess).values(**key, role=role).returning(ProjectAccess)
    made = (await session.scalars(row)).one()
    # The foreign key has waited for a removal that was under way: did it end the membership?
    await _is_a_member(session, org_id, user_id)
    return made, True


async def edit(
    session: AsyncSession, org_id: UUID, project_id: UUID, user_id: UUID, expected: Expected, role: str
) -> ProjectAccess:
    """Change the role that a member has in the project; fails as `edits.change` does."""
    key = {"org_id": org_id, "project_id": project_id, "user_id": user_id}
    return await edits.change(session, ProjectAccess, key, expected, {"role": role})


async def end(
    session: AsyncSession, org_id: UUID, project_id: UUID, user_id: UUID, expected: Expected
) -> None:
    """Let a member's role in the organisation hold in the project again; fails as `edits.remove` does."""
    key = {"org_id": org_id, "project_id": project_id, "user_id": user_id}
    await edits.remove(session, ProjectAccess, key, expected)


async def _is_a_member(session: AsyncSession, org_id: UUID, user_id: UUID) -> None:
    query = select(OrganizationMember.user_id).where(
        OrganizationMember.org_id == org_id,
        OrganizationMember.user_id == user_id,
        OrganizationMember.removed_at.is_(None),
    )
    if (await session.scalars(query)).one_or_none() is None:
        raise NotThereError("there is no such member")
