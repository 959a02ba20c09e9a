"""What only the operator may do, as the owner of the database: make an organisation, find who to act as."""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from storage.database import connection
from storage.errors import NotAnAdminError


class Member(NamedTuple):
    """Somebody's standing membership of an organisation."""

    org_id: UUID
    user_id: UUID
    email: str
    role_in_org: str


async def create_organization(owner_url: str, *, slug: str, name: str, email: str) -> tuple[UUID, UUID]:
    """Return the ids of the organisation and its admin, made where they are missing.

    Raises:
        NotAnAdminError: the organisation exists, and `email` is no admin of it.
    """
    async with connection(owner_url) as owner:
        try:
            rows = await owner.fetch("SELECT * FROM auth.create_organization($1, $2, $3)", slug, name, email)
        except asyncpg.InsufficientPrivilegeError as error:
            raise NotAnAdminError(str(error)) from error
    return rows[0]["org_id"], rows[0]["user_id"]


async def find_member(owner_url: str, org: str, person: str = "") -> Member | None:
    """Return the member `person` (e-mail or id) of `org` (slug or id); by default its first admin."""
    async with connection(owner_url) as owner:
        row = await owner.fetchrow("SELECT * FROM auth.find_member($1, $2)", org, person)
    return Member(*row) if row else None


async def set_tier(owner_url: str, org: str, tier: str) -> UUID | None:
    """Give `org` (slug or id) a subscription tier, and return its id; None where there is none.

    What is there stays: a lower tier only stops what would be new.
    """
    async with connection(owner_url) as owner:
        org_id: UUID | None = await owner.fetchval("SELECT auth.set_tier($1, $2)", org, tier)
    return org_id
