"""The relay listens for as long as it lives: a connection that is lost after a day is no outage of a day."""

import asyncio
from datetime import timedelta

import pytest

from storage import database as databases
from streams import listening as hearing
from tests.databases import Database
from tests.streaming import eventually

PATIENCE = timedelta(seconds=1)


async def listeners(database: Database) -> int:
    async with database.superuser() as connection:
        found: int = await connection.fetchval(
            """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND query LIKE 'LISTEN%'"""
        )
        return found


async def test_a_connection_lost_after_long_listening_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hearing, "LOOK_EVERY", 0.05)
    pool = await databases.worker_pool(database.worker_url, name="listening", size=2)

    listening = asyncio.create_task(hearing.listen(pool, {"augentis_outbox": asyncio.Event()}, PATIENCE))

    async def listens() -> bool:
        assert not listening.done(), listening.exception()
        return await listeners(database) == 1

    try:
        for _ in range(2):
            await eventually(listens)
            await asyncio.sleep(PATIENCE.total_seconds() + 0.2)
            async with database.superuser() as connection:
                await connection.execute(
                    """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                       WHERE datname = current_database() AND query LIKE 'LISTEN%'"""
                )
        await eventually(listens)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await pool.close()
