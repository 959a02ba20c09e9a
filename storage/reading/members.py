from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Bundle

from storage.reading.pages import Orders, Slice, page
from storage.tables import OrganizationMember, User
from storage.tenancy import Claims

ORDERS: Orders = {
    "created_at": (OrganizationMember.created_at, OrganizationMember.user_id),
    "email": (User.email, OrganizationMember.user_id),
    "full_name": (User.full_name, OrganizationMember.user_id),
}
_MEMBER: Bundle[Any] = Bundle(
    "member",
    OrganizationMember.org_id,
    OrganizationMember.user_id,
    User.email,
    User.full_name,
    OrganizationMember.role_in_org,
    OrganizationMember.created_at,
    OrganizationMember.updated_at,
    OrganizationMember.removed_at,
    OrganizationMember.version,
    User.version.label("user_version"),
)


@dataclass(frozen=True)
class Wanted:
    """Which members: None says all; `since` is about `created_at`, inclusive."""

    role_in_org: str | None = None
    include_removed: bool = False
    since: datetime | None = None


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[Any]:
    """Return a part of the organisation's memberships, each with its person's name and e-mail."""
    query = _of(org_id)
    if wanted.role_in_org:
        query = query.where(OrganizationMember.role_in_org == wanted.role_in_org)
    if not wanted.include_removed:
        query = query.where(OrganizationMember.removed_at.is_(None))
    if wanted.since:
        query = query.where(OrganizationMember.created_at >= wanted.since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, user_id: UUID) -> Any | None:
    """Return the membership, standing or ended, if it is there and within sight."""
    query = _of(org_id).where(OrganizationMember.user_id == user_id)
    return (await session.scalars(query)).one_or_none()


async def oneself(session: AsyncSession, claims: Claims) -> Any:
    """Return the membership of whoever asks."""
    query = _of(claims.org_id).where(OrganizationMember.user_id == claims.user_id)
    return (await session.scalars(query)).one()


async def stands(session: AsyncSession, org_id: UUID, email: str) -> bool:
    """Tell whether somebody with this e-mail, in whatever case, is a member."""
    query = _of(org_id).where(
        func.lower(User.email) == func.lower(email), OrganizationMember.removed_at.is_(None)
    )
    return (await session.scalars(query)).first() is not None


def _of(org_id: UUID) -> Select[Any]:
    joined = select(_MEMBER).join_from(OrganizationMember, User, User.id == OrganizationMember.user_id)
    return joined.where(OrganizationMember.org_id == org_id)
