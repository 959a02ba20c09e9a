"""Batches seen, on real PostgreSQL: where weeks meet, over the lateness span, forgotten without a delete."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from migrations.run import downgrade, migrate_database
from storage import batches
from storage import database as databases
from storage.batches import BatchKey
from storage.ledger import Connection
from streams.close import Closer, Patience
from tests.databases import Database


def monday(day: datetime) -> datetime:
    return day - timedelta(days=day.weekday())


WEEK = timedelta(days=7)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MONDAY = monday(TODAY)
BORDER = MONDAY + WEEK
BEGINNINGS = (-119, -61, -59, -1, 0, 59, 61)
"""Minutes from the border of two weeks at which the first of two transactions begins."""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="batches")
    yield pool
    await pool.close()


def keys(count: int = 3) -> set[BatchKey]:
    org, project = uuid4(), uuid4()
    return {(org, project, uuid4()) for _ in range(count)}


async def at_once(pool: asyncpg.Pool, first: datetime, second: datetime, *, commit: bool = True) -> int:
    """Count how often batches are new to two transactions that run at the same time."""
    wanted = keys()
    async with pool.acquire() as one, pool.acquire() as two:
        transaction = one.transaction()
        await transaction.start()
        assert await batches.remember(one, wanted, first) == wanted
        other = asyncio.create_task(batches.remember(two, wanted, second))
        while not other.done() and not await waits(one, two):
            await asyncio.wait({other}, timeout=0.002)
        await (transaction.commit() if commit else transaction.rollback())
        return len(wanted) * commit + len(await other)


async def waits(one: Connection, other: Connection) -> bool:
    found: bool = await one.fetchval(
        "SELECT $1 = ANY (SELECT pid FROM pg_locks WHERE NOT granted)", other.get_server_pid()
    )
    return found


async def test_at_the_border_of_weeks_a_batch_counts_once(pool: asyncpg.Pool):
    for minutes, later in itertools.product(BEGINNINGS, (0, 60, 119)):
        first = BORDER + timedelta(minutes=minutes)
        second = first + timedelta(minutes=later)
        assert await at_once(pool, first, second) == 3, (minutes, later)
        assert await at_once(pool, second, first) == 3, (minutes, later)
        assert await at_once(pool, first, second, commit=False) == 3, (minutes, later)


async def test_without_the_border_it_would_count_twice(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch):
    """The test of the test above: it can fail."""
    monkeypatch.setattr(batches, "BORDER", timedelta(0))
    before, after = (BORDER + timedelta(seconds=seconds) for seconds in (-1, 1))
    assert await at_once(pool, before, after) == 6


async def test_it_is_known_for_all_of_the_lateness_span_and_weeks_are_dropped_whole(pool: asyncpg.Pool):
    seen = {ago: (TODAY + timedelta(hours=12) - timedelta(days=ago), keys()) for ago in range(30)}
    async with pool.acquire() as connection:
        await connection.execute("SELECT ensure_batch_weeks($1)", [at.date() for at, _ in seen.values()])
        for at, wanted in seen.values():
            assert await batches.remember(connection, wanted, at) == wanted
        before = await parts(connection)
        dropped = await batches.forget(connection, WEEK)
        assert await batches.forget(connection, WEEK) == []
        assert await parts(connection) == before - set(dropped)
        ended = monday(TODAY - WEEK - timedelta(days=1))
        assert max(dropped) == f"batch_seen_{ended - WEEK:%Y_%m_%d}"
        for ago, (at, wanted) in seen.items():
            again = await batches.remember(connection, wanted, TODAY + timedelta(hours=12))
            assert again == (wanted if at < ended else set()), ago


async def parts(connection: Connection) -> set[str]:
    rows = await connection.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'batch_seen'::regclass"
    )
    return {row[0] for row in rows}


async def test_a_week_that_is_not_over_is_never_dropped(pool: asyncpg.Pool):
    async with pool.acquire() as connection:
        before = await parts(connection)
        await batches.forget(connection, -4 * WEEK)
        assert f"batch_seen_{MONDAY:%Y_%m_%d}" in await parts(connection) <= before
        with pytest.raises(asyncpg.InvalidParameterValueError, match="today and yesterday"):
            await connection.fetch("SELECT drop_batch_weeks($1)", TODAY.date())


async def test_weeks_in_use_are_dropped_later(pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    closer = Closer(pool, "augentis", Patience(WEEK, WEEK, WEEK))
    old = MONDAY - 5 * WEEK
    async with pool.acquire() as connection:
        await connection.execute("SELECT ensure_batch_weeks(ARRAY[$1::date])", old.date())
        async with connection.transaction():
            await batches.remember(connection, keys())
            await closer.forget()
            assert "in use: they are dropped later" in caplog.text
    await closer.forget()
    assert f"batch_seen_{old:%Y_%m_%d}" in caplog.text


async def test_batches_survive_the_migration_up_and_down(empty_database: Database, home: Path):
    settings = empty_database.settings(home)
    await migrate_database(settings, "20261123_mapping")
    (key,) = keys(1)
    long_ago = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    async with empty_database.superuser() as connection:
        await connection.execute("INSERT INTO batch_seen VALUES ($1, $2, $3, $4)", *key, long_ago)
    found: list[tuple[object, ...]] = []
    await migrate_database(settings, "20261123_batches")
    async with empty_database.superuser() as connection:
        found += [tuple(row) for row in await connection.fetch("SELECT * FROM batch_seen")]
    await downgrade(empty_database.owner_url, "20261123_mapping")
    async with empty_database.superuser() as connection:
        found += [tuple(row) for row in await connection.fetch("SELECT * FROM batch_seen")]
    assert found == [(*key, date(2026, 1, 26)), (*key, datetime(2026, 1, 26, tzinfo=UTC))]
