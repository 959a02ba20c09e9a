"""A superuser's transaction in the world, undone at its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.world import World


@asynccontextmanager
async def undone(world: World, *, triggers: bool = True) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection that no policy stops; without `triggers` only constraints are left to refuse."""
    async with world.database.superuser() as connection:
        work = connection.transaction()
        await work.start()
        if not triggers:
            await connection.execute("SET LOCAL session_replication_role = replica")
        yield connection
        await work.rollback()
