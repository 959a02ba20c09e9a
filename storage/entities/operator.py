"""What only the operator may do, as the owner of the database: make an organisation, find who to act as."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import asyncpg

from storage.database import connection
from storage.errors import NotAnAdminError, PriceInForceError

FROZEN = "AG004"


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


async def set_tier(owner_url: str, org: str, tier: str, explained: tuple[str, str] = ("", "")) -> UUID | None:
    """Give `org` (slug or id) a subscription tier, and return its id; None where there is none.

    What is there stays: a lower tier only stops what would be new. `explained` are claims that say why, and
    their signature (`storage.tenancy.explained`).
    """
    async with connection(owner_url) as owner, owner.transaction():
        await owner.execute(
            "SELECT set_config('request.jwt.claims', $1, true),"
            " set_config('request.jwt.signature', $2, true)",
            *explained,
        )
        org_id: UUID | None = await owner.fetchval("SELECT auth.set_tier($1, $2)", org, tier)
    return org_id


class CatalogueAgent(NamedTuple):
    """An agent of the catalogue, and whether it can be queued."""

    id: int
    name: str
    phase: str
    is_active: bool


class Price(NamedTuple):
    """What a model costs from a moment on, in US dollars per million tokens."""

    model: str
    effective_from: datetime
    input_per_million: Decimal
    output_per_million: Decimal


async def agents(owner_url: str) -> list[CatalogueAgent]:
    """Return the catalogue, by id."""
    async with connection(owner_url) as owner:
        rows = await owner.fetch("SELECT id, name, phase, is_active FROM auth.agents() ORDER BY id")
    return [CatalogueAgent(*row) for row in rows]


async def set_agent_active(owner_url: str, agent_id: int, *, active: bool) -> str | None:
    """Switch an agent on or off, and return its name; None where there is none."""
    async with connection(owner_url) as owner:
        name: str | None = await owner.fetchval("SELECT auth.set_agent_active($1, $2)", agent_id, active)
    return name


async def prices(owner_url: str) -> list[Price]:
    """Return the prices of all models, oldest first within a model."""
    async with connection(owner_url) as owner:
        rows = await owner.fetch(f"SELECT {', '.join(Price._fields)} FROM auth.model_prices()")
    return [Price(*row) for row in rows]


async def set_price(
    owner_url: str, model: str, per_input: Decimal, per_output: Decimal, since: datetime | None
) -> datetime:
    """Set what a model costs from `since` on (None: now), per million tokens, and return since when.

    Raises:
        PriceInForceError: a price was in force then already.
    """
    async with connection(owner_url) as owner:
        try:
            begins: datetime = await owner.fetchval(
                "SELECT auth.set_model_price($1, $2, $3, $4)", model, per_input, per_output, since
            )
        except asyncpg.PostgresError as error:
            if error.sqlstate != FROZEN:
                raise
            raise PriceInForceError(error.message) from error
    return begins
