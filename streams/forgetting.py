"""What is kept for a while alone: invitations that have ended, what agents said when they failed."""

from datetime import datetime

import asyncpg

from settings import Settings
from storage import retention, turns

AT_ONCE = 1000
"""Rows of one transaction."""


async def forget_invitations(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Forget the invitations that ended before `AUGENTIS_INVITATION_RETENTION`."""
    async with pool.acquire() as connection, connection.transaction():
        if await turns.taken(connection, "forgetting invitations"):
            await retention.forget_invitations(connection, now - settings.invitation_retention)


async def forget_executions(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Forget what executions said that ended before `AUGENTIS_EXECUTION_RETENTION`, if that is set."""
    if settings.execution_retention is None:
        return
    before = now - settings.execution_retention
    forgotten = AT_ONCE
    while forgotten == AT_ONCE:
        async with pool.acquire() as connection, connection.transaction():
            if not await turns.taken(connection, "forgetting executions"):
                return
            forgotten = await retention.forget_executions(connection, before, AT_ONCE)
