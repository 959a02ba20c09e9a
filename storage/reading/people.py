from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import Organization, User
from storage.tenancy import Claims


class Standing(NamedTuple):
    """What the database says of who asks: the role (None: no member), and whether the workspace is theirs."""

    role: str | None
    workspace_is_theirs: bool


async def standing(session: AsyncSession, claims: Claims) -> Standing:
    """Return the caller's standing now, whatever the token says of it."""
    row = (
        await session.execute(
            text(
                "SELECT auth.my_role(), CAST(:workspace AS uuid) IS NULL OR EXISTS ("
                "SELECT FROM workspace WHERE org_id = :org AND id = CAST(:workspace AS uuid))"
            ),
            {"workspace": claims.workspace_id, "org": claims.org_id},
        )
    ).one()
    return Standing(*row)


async def me(session: AsyncSession, claims: Claims) -> tuple[User, Organization]:
    """Return who asks, and the organisation they ask for."""
    user = (await session.scalars(select(User).where(User.id == claims.user_id))).one()
    return user, await organization(session, claims.org_id)


async def organization(session: AsyncSession, org_id: UUID) -> Organization:
    """Return the organisation of whoever asks."""
    return (await session.scalars(select(Organization).where(Organization.id == org_id))).one()
