"""What is kept for a while alone: invitations and deliveries that have ended, what agents failed with."""

from datetime import datetime

import asyncpg

from settings import Settings
from storage import deliveries, retention, turns

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


async def forget_deliveries(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Forget the deliveries that have ended and were made before `AUGENTIS_DELIVERY_RETENTION`."""
    forgotten = AT_ONCE
    while forgotten == AT_ONCE:
        async with pool.acquire() as connection, connection.transaction():
            if not await turns.taken(connection, "forgetting deliveries"):
                return
            forgotten = await deliveries.forget(connection, now - settings.delivery_retention, AT_ONCE)
