"""`augentis migrate`: roles, schema, months ahead, the key that claims are signed with, topics."""

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool

from migrations.alembic_config import alembic_config
from migrations.roles import ensure_roles, keep_temporary_from_the_api, owning_definers
from settings import Settings
from storage import partitions
from storage.database import connection, engine, told_apart
from storage.secrets import claims_pads

ROLES_LOCK = 0x4175_6766


async def migrate_database(settings: Settings, target: str = "head") -> None:
    """Bring the database of DATABASE_URL up to `target`; running it again changes nothing.

    Raises:
        SettingsError: a login is not fit to be one, or the owner may not make it.
        DatabaseUnreachableError: PostgreSQL does not answer, or not to this login and database.
    """
    url = settings.need("database_url")
    secret = settings.need("secret_key")
    async with _alone(url) as owner:
        await ensure_roles(owner, settings)
        await keep_temporary_from_the_api(owner, await owner.fetchval("SELECT current_database()"))
        async with owning_definers(owner):
            await upgrade(url, target)
        await _sign_with(owner, secret)
        if target == "head":
            await partitions.make_ahead(owner)


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield the owner's connection: two at once would revoke each other's membership of definers half-way."""
    async with connection(url) as owner:
        await owner.execute("SELECT pg_advisory_lock($1)", ROLES_LOCK)
        yield owner


async def upgrade(url: str, target: str = "head") -> None:
    """Run the migrations up to `target`."""
    await _with_connection(url, lambda open_: command.upgrade(_config(open_), target))


async def downgrade(url: str, target: str = "base") -> None:
    """Run the migrations down to `target`. Roles stay: they are the cluster's."""
    async with _alone(url) as owner, owning_definers(owner):
        await _with_connection(url, lambda open_: command.downgrade(_config(open_), target))


@functools.cache
def heads() -> frozenset[str]:
    """Return the revisions at which a database is up to date."""
    return frozenset(ScriptDirectory.from_config(alembic_config()).get_heads())


async def pending(url: str) -> list[str]:
    """Return the revisions that `migrate` would run, oldest first; any role that reads the tables may ask."""
    script = ScriptDirectory.from_config(alembic_config())
    found: list[str] = []

    def look(open_: Connection) -> None:
        current = MigrationContext.configure(open_).get_current_heads()
        found.extend(step.revision for step in script.iterate_revisions("head", current or "base"))

    await _with_connection(url, look)
    return found[::-1]


def _config(open_: Connection) -> Config:
    config = alembic_config()
    config.attributes["connection"] = open_
    return config


async def _with_connection(url: str, work: Callable[[Connection], None]) -> None:
    owner = engine(url, poolclass=NullPool)
    try:
        with told_apart(url):
            async with owner.connect() as open_:
                await open_.run_sync(work)
    finally:
        await owner.dispose()


async def signs_with(url: str, secret: str) -> bool:
    """Tell, as the owner, whether the database checks claims with this secret's key."""
    async with connection(url) as owner:
        inner, outer = claims_pads(secret)
        found = await owner.fetchval(
            "SELECT true FROM auth.claims_key WHERE inner_key = $1 AND outer_key = $2", inner, outer
        )
    return bool(found)


async def _sign_with(owner: asyncpg.Connection, secret: str) -> None:
    inner, outer = claims_pads(secret)
    await owner.execute(
        """INSERT INTO auth.claims_key (inner_key, outer_key) VALUES ($1, $2)
           ON CONFLICT (only_one) DO UPDATE SET inner_key = $1, outer_key = $2""",
        inner,
        outer,
    )
