"""What an operator's command does to one organisation, or one person: as the owner, by signed claims.

The owner sees no tenant's rows. It may call the functions of schema auth that do, and they see and touch the
rows that the claims name, by row security (ADR 0022).
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from storage.database import connection
from storage.errors import StorageError
from storage.secrets import claims_signature
from storage.tenancy import LIFE_SECONDS, UNSAID, About, Erasure, Operation

_SET = """SELECT set_config('request.jwt.claims', $1, true), set_config('request.jwt.signature', $2, true),
                 set_config('timezone', 'UTC', true)"""


class AmbiguousError(StorageError):
    """A slug names an organisation, and another whose deletion was interrupted."""


@dataclass(frozen=True)
class Named:
    """An organisation as an operator finds it: `slug` is None once only a tombstone is left."""

    org_id: UUID
    slug: str | None
    closed_at: datetime | None
    deleted_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Operator:
    """The owner's connection, the secret that claims are signed with, and why it is all done."""

    connection: asyncpg.Connection
    secret: str
    about: About = UNSAID
    clock: Callable[[], float] = time.time

    async def sign(self, claims: Operation | Erasure) -> None:
        """Sign the open transaction's claims anew: they are good for a minute."""
        signed = self.about.added(claims.text(self.clock() + LIFE_SECONDS))
        await self.connection.execute(_SET, signed, claims_signature(self.secret, signed))

    @asynccontextmanager
    async def acting(self, claims: Operation | Erasure) -> AsyncIterator[asyncpg.Connection]:
        """Yield the connection in a transaction with these claims."""
        async with self.connection.transaction():
            await self.sign(claims)
            yield self.connection

    async def organization(self, org: str) -> Named | None:
        """Return the organisation of this slug or id; one whose deletion was interrupted is found too.

        Raises:
            AmbiguousError: the slug is another's by now, and the deletion of the first is not finished.
        """
        rows = await self.connection.fetch("SELECT * FROM auth.find_organization($1)", org)
        if len(rows) > 1:
            ids = ", ".join(f"{row['org_id']} ({'deleted' if row['deleted_at'] else 'live'})" for row in rows)
            raise AmbiguousError(f"two organisations have or had the slug {org!r}: name one by its id, {ids}")
        return Named(**dict(rows[0])) if rows else None

    async def user(self, person: str) -> tuple[UUID, str] | None:
        """Return id and address of the user with this e-mail address or id; nobody who was erased."""
        row = await self.connection.fetchrow("SELECT user_id, email FROM auth.find_user($1)", person)
        return (row[0], row[1]) if row else None

    async def erase(self, claims: Operation | Erasure) -> UUID | None:
        """Make the person whom the claims name nobody; None: they belong somewhere, and stay.

        Raises:
            asyncpg.PostgresError: with AG002, if an organisation would be left without an ADMIN.
        """
        async with self.acting(claims) as acting:
            erased: UUID | None = await acting.fetchval("SELECT auth.erase_user()")
        return erased


@asynccontextmanager
async def operator(owner_url: str, secret: str, about: About = UNSAID) -> AsyncIterator[Operator]:
    """Yield the operator, on a connection of the owner's; the log tells what is said `about` the changes.

    Raises:
        DatabaseUnreachableError: PostgreSQL does not answer, or not to this login and database.
    """
    async with connection(owner_url) as owner:
        yield Operator(owner, secret, about)
