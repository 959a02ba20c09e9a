"""What agents cost is to be seen soon after they ended (ADR 0020)."""

import logging
from datetime import datetime

import asyncpg

from settings import Settings
from storage import costs
from storage.database import AWAY

log = logging.getLogger(__name__)


async def roll_up(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Roll up the organisations of which executions have changed, each in a transaction of its own.

    One that another worker is at is left to it; one that fails is said, keeps its marks and stops no other.
    """
    del settings, now
    async with pool.acquire() as connection:
        waiting = await costs.waiting(connection)
    for org_id in waiting:
        try:
            async with pool.acquire() as connection, connection.transaction():
                await costs.roll_up(connection, org_id)
        except AWAY:
            raise
        except asyncpg.PostgresError as error:
            log.warning("the costs of organisation %s cannot be rolled up, later again: %r", org_id, error)
