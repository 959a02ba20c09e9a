"""`augentis migrate`: roles, schema, the key that claims are signed with, topics."""

from collections.abc import Callable

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool

from migrations.alembic_config import alembic_config
from migrations.roles import ensure_roles, owning_definers
from settings import Settings
from storage.database import engine
from storage.secrets import claims_pads


async def migrate_database(settings: Settings, target: str = "head") -> None:
    """Bring the database of DATABASE_URL up to `target`; running it again changes nothing."""
    url = settings.need("database_url")
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await ensure_roles(connection, settings)
        async with owning_definers(connection):
            await upgrade(url, target)
        await _sign_with(connection, settings.need("secret_key"))
    finally:
        await connection.close()


async def upgrade(url: str, target: str = "head") -> None:
    """Run the migrations up to `target`."""
    await _with_connection(url, lambda connection: command.upgrade(_config(connection), target))


async def downgrade(url: str, target: str = "base") -> None:
    """Run the migrations down to `target`. Roles stay: they are the cluster's."""
    await _with_connection(url, lambda connection: command.downgrade(_config(connection), target))


async def pending(url: str) -> list[str]:
    """Return the revisions that `migrate` would run, oldest first."""
    script = ScriptDirectory.from_config(alembic_config())
    found: list[str] = []

    def look(connection: Connection) -> None:
        current = MigrationContext.configure(connection).get_current_heads()
        found.extend(step.revision for step in script.iterate_revisions("head", current or "base"))

    await _with_connection(url, look)
    return found[::-1]


def _config(connection: Connection) -> Config:
    config = alembic_config()
    config.attributes["connection"] = connection
    return config


async def _with_connection(url: str, work: Callable[[Connection], None]) -> None:
    owner = engine(url, poolclass=NullPool)
    try:
        async with owner.connect() as connection:
            await connection.run_sync(work)
    finally:
        await owner.dispose()


async def _sign_with(connection: asyncpg.Connection, secret: str) -> None:
    inner, outer = claims_pads(secret)
    await connection.execute(
        """INSERT INTO auth.claims_key (inner_key, outer_key) VALUES ($1, $2)
           ON CONFLICT (only_one) DO UPDATE SET inner_key = $1, outer_key = $2""",
        inner,
        outer,
    )
