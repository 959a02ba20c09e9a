"""What a worker remembers is bounded, and what it forgot it reads back, on real PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from storage import database as databases
from streams import caps
from tests.databases import Database
from tests.members import Member
from tests.unit.streams.messages import batch, sample

SERIES = 20
WINDOWS_OF_ONE = 1 << 12


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="bounds")
    yield pool
    await pool.close()


def messages(first: int) -> list[bytes]:
    return [batch([sample(1, feature=f"F{number % SERIES}") for number in range(first, first + 30)])]


async def sums(pool: asyncpg.Pool) -> tuple[Any, ...]:
    found = await pool.fetch("SELECT sum(sample_count)::int, max(revision)::int FROM partial")
    return tuple(found[0])


@pytest.mark.parametrize("limit", [WINDOWS_OF_ONE, 1 << 30])
async def test_totals_are_the_same_however_little_is_remembered(pool: asyncpg.Pool, limit: int):
    member = Member(pool, "only")
    member.holdings._most_bytes = limit
    await member.claim()
    for number in range(8):
        await member.count(member.of(messages(number * 7), number))
    assert await sums(pool) == (8 * 30, 8)
    (holding,) = member.holdings.all()
    assert len(holding.partials) == (SERIES if limit > WINDOWS_OF_ONE else 4)
    assert holding.partials.bytes <= limit


async def test_another_partitions_lane_may_have_memory_cut_in_the_middle_of_a_chunk(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
):
    """All that was remembered goes between the look at it and the sums."""
    member = Member(pool, "only")
    await member.claim()
    await member.count(member.of(messages(0), 0))
    (holding,) = member.holdings.all()
    assert len(holding.partials) == SERIES
    real = caps.make_room

    async def make_room(*arguments: Any) -> None:
        holding.partials.clear()
        await real(*arguments)

    monkeypatch.setattr(caps, "make_room", make_room)
    await member.count(member.of(messages(0), 1))
    assert await sums(pool) == (60, 2)
