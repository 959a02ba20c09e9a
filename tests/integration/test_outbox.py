"""What a relay takes at once: in order, in bounds, and nothing of what another holds."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from storage import database as databases
from storage import outbox
from storage.ledger import Connection
from storage.outbox import OPERATOR, Letter
from tests.databases import Database


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="outbox")
    async with pool.acquire() as connection, connection.transaction():
        await outbox.put(connection, [Letter(OPERATOR, "topic", bytes(1000 * size)) for size in (1, 9, 1, 1)])
    yield pool
    await pool.close()


def sizes(taken: list[outbox.Due]) -> list[int]:
    return [len(due.letter.value) // 1000 for due in taken]


@pytest.mark.parametrize(
    ("most", "most_bytes", "taken"),
    [
        (9, 10**6, [1, 9, 1, 1]),
        (2, 10**6, [1, 9]),
        (9, 10_000, [1, 9]),
        (9, 10_001, [1, 9, 1]),
        (9, 1, [1]),
    ],
)
async def test_a_large_letter_is_the_last_that_is_taken(pool, most, most_bytes, taken):
    async with pool.acquire() as connection, connection.transaction():
        assert sizes(await outbox.take_for_kafka(connection, most, most_bytes)) == taken


async def test_another_relay_takes_the_next(pool):
    async with pool.acquire() as one, one.transaction(), pool.acquire() as other, other.transaction():
        assert sizes(await outbox.take_for_kafka(one, 2)) == [1, 9]
        assert sizes(await outbox.take_for_kafka(other, 9)) == [1, 1]


async def test_what_waits_is_found_by_the_index_however_much_it_is(database: Database, pool):
    async with database.superuser() as connection:
        await connection.execute(
            """INSERT INTO outbox (org_id, destination, topic, value)
               SELECT '00000000-0000-0000-0000-000000000000', 'kafka', 'topic', 'x'
               FROM generate_series(1, 20000); ANALYZE outbox"""
        )
    async with pool.acquire() as connection, connection.transaction():
        before = await _read(connection)
        assert len(await outbox.take_for_kafka(connection, 100)) == 100
        assert await _read(connection) - before < 2000


async def _read(connection: Connection) -> int:
    """How many rows this transaction has read of the table, by scan or by index."""
    found: int = await connection.fetchval(
        """SELECT pg_stat_get_xact_tuples_returned('outbox'::regclass)
                + pg_stat_get_xact_tuples_fetched('outbox'::regclass)"""
    )
    return found
