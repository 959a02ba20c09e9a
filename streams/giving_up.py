"""A dead runner does not hold a place for ever: what it ran has failed (ADR 0019)."""

import logging
from datetime import datetime

import asyncpg

from settings import Settings
from storage import runs, turns

log = logging.getLogger(__name__)


async def give_up_silent(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Fail the executions that nothing was heard of for `AUGENTIS_EXECUTION_TIMEOUT`, if it is our turn."""
    async with pool.acquire() as connection, connection.transaction():
        if await turns.taken(connection, "giving up executions"):
            given_up = await runs.give_up_silent(connection, now, settings.execution_timeout)
            if given_up:
                log.warning("gave up %d executions whose runners are silent", given_up)
