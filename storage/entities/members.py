"""Who belongs to an organisation, and as what. Joining is by invitation (`storage.entities.signing_in`)."""

from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities.edits import Expected, Key, change
from storage.tables import OrganizationMember, ProjectAccess


async def change_role(
    session: AsyncSession, org_id: UUID, user_id: UUID, expected: Expected, role_in_org: str
) -> None:
    """Give a member another role in the organisation. The database keeps the last ADMIN (AG002).

    Raises:
        NotThereError: there is no such standing membership within sight.
        StaleError, NotAllowedError: as `edits.change` does.
    """
    values = {"role_in_org": role_in_org}
    await change(session, OrganizationMember, _standing(org_id, user_id), expected, values)


async def remove(session: AsyncSession, org_id: UUID, user_id: UUID, expected: Expected) -> None:
    """End a membership and the roles in projects that came with it. The database keeps the last ADMIN.

    Raises:
        NotThereError, StaleError, NotAllowedError: as `change_role` does.
    """
    # The lock first: a role in a project that is given meanwhile waits for it, and none outlives the
    # membership. The roles next: who removes themselves may do nothing once it has ended.
    await session.execute(
        select(OrganizationMember.user_id)
        .where(OrganizationMember.org_id == org_id, OrganizationMember.user_id == user_id)
        .with_for_update()
    )
    await session.execute(
        delete(ProjectAccess).where(ProjectAccess.org_id == org_id, ProjectAccess.user_id == user_id)
    )
    ended = {"removed_at": func.now()}
    await change(session, OrganizationMember, _standing(org_id, user_id), expected, ended)


def _standing(org_id: UUID, user_id: UUID) -> Key:
    return {"org_id": org_id, "user_id": user_id, "removed_at": None}
