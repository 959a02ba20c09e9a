"""The fence, on real PostgreSQL, step by step: of two workers that hold a partition the older one loses.

There are no batch ids here: dropping repeats would hide a fence that does not hold.
"""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from faust.types import TP

from storage import database as databases
from storage import ledger, partitions
from storage.ledger import Claim, Connection, Place
from storage.partitions import month_of
from streams.chunks import Chunk
from streams.errors import BrokenChainError, FencedError, LedgerMismatchError
from streams.ingest import Ingest
from tests.databases import Database
from tests.members import RAW, Member
from tests.unit.streams.messages import LAST_HOUR, Record, batch, sample

Audit = list[tuple[int, int]]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="chaos")
    async with pool.acquire() as connection:
        # Else the first attempt of each member would move the ledger in vain.
        await partitions.make(connection, {month_of(LAST_HOUR)})
    yield pool
    await pool.close()


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Audit:
    """Offsets [from, to) that were moved over, in order."""
    moved: Audit = []
    real = ledger.move

    async def move(connection: Connection, place: Place, held: Claim, new_offset: int) -> bool:
        done = await real(connection, place, held, new_offset)
        if done:
            moved.append((held.next_offset, new_offset))
        return done

    monkeypatch.setattr(ledger, "move", move)
    return moved


@pytest.fixture
async def rivals(pool: asyncpg.Pool) -> tuple[Member, Member]:
    """The older one has counted ten records and fetched ten more when the younger one takes over."""
    older, younger = Member(pool, "older"), Member(pool, "younger")
    await older.claim()
    await older.count(older.chunk(0, 10))
    await younger.claim()
    return older, younger


async def total(pool: asyncpg.Pool) -> int:
    found: int = await pool.fetchval("SELECT sum(sample_count)::bigint FROM partial")
    return found


def unbroken(audit: Sequence[tuple[int, int]]) -> bool:
    return [first for first, _ in audit] == [0, *(last for _, last in audit[:-1])]


async def test_the_older_one_is_refused_and_everything_counts_once(pool, rivals, audit):
    older, younger = rivals
    with pytest.raises(FencedError, match=r"raw_metrics\[0\] is held by another worker"):
        await older.count(older.chunk(10, 20))
    assert younger.consumer.sought == [{RAW: 10}]
    await younger.count(younger.chunk(10, 20))
    await younger.count(younger.chunk(20, 25))
    assert await total(pool) == 25
    assert audit == [(10, 20), (20, 25)]


async def test_it_is_refused_too_when_the_younger_one_was_faster(pool, rivals, audit):
    older, younger = rivals
    stale = older.chunk(10, 20)
    await younger.count(younger.chunk(10, 15))
    with pytest.raises(FencedError):
        await older.count(stale)
    await younger.count(younger.chunk(15, 20))
    assert await total(pool) == 20
    assert audit == [(10, 15), (15, 20)]


async def test_without_the_fence_the_same_counts_double(pool, rivals, monkeypatch):
    """The test of the tests above: they can fail."""

    async def move(connection: Connection, place: Place, held: Claim, new_offset: int) -> bool:
        del held
        await connection.execute(
            "UPDATE partition_ledger SET next_offset = $1 WHERE topic = $2 AND partition = $3",
            new_offset,
            place.topic,
            place.partition,
        )
        return True

    monkeypatch.setattr(ledger, "move", move)
    older, younger = rivals
    stale = older.chunk(10, 20)
    await younger.count(younger.chunk(10, 20))
    # The older one's cells are those of ten records; it goes on from them, and what the younger one wrote
    # is read again or overwritten: either way the sum is not that of 20 records.
    older.holdings.all()[0].partials.clear()
    await older.count(stale)
    assert await total(pool) == 30


async def test_a_worker_that_lost_a_partition_in_its_own_rebalance_drops_what_it_had(pool, rivals, audit):
    older, younger = rivals
    stale = older.chunk(10, 20)
    older.consumer.assigned = frozenset()
    await older.claim()
    await older.count(stale)
    await younger.count(younger.chunk(10, 20))
    assert await total(pool) == 20
    assert audit == [(10, 20)]


async def test_a_second_claim_of_a_generation_only_seeks_back(pool, audit):
    member = Member(pool, "only")
    member.consumer.earliest = 4
    await member.claim()
    await member.count(member.chunk(4, 8))
    before = member.chunk(8, 10)
    await member.again()
    assert member.consumer.sought == [{RAW: 4}, {RAW: 8}]
    await member.count(before)  # read before the seek: it comes again
    assert audit == [(4, 8)]
    await member.count(member.chunk(8, 10))
    assert await total(pool) == 6
    assert await pool.fetchval("SELECT epoch FROM partition_ledger") == 1


async def test_chunks_that_overlap_count_once_and_a_gap_ends_the_worker(pool, audit):
    member = Member(pool, "only")
    await member.claim()
    await member.count(member.chunk(0, 10))
    await member.count(member.chunk(0, 10))
    await member.count(member.chunk(5, 15))
    assert await total(pool) == 15
    assert unbroken(audit)
    with pytest.raises(BrokenChainError, match="offsets 15 to 16 never arrived"):
        await member.count(member.chunk(16, 20))
    assert await total(pool) == 15


@pytest.mark.parametrize("once_remembered", [False, True])
async def test_a_connection_lost_after_the_commit_counts_nothing_twice(
    pool, audit, monkeypatch, once_remembered
):
    """The chunk is tried again, and found to be written: whether memory has moved on by then or not.

    It has where giving the connection back to the pool fails.
    """
    member = Member(pool, "only")
    await member.claim()
    real = Ingest._remember
    broken: list[bool] = []

    def remember(self: Ingest[Any], *arguments: Any) -> None:
        if broken or once_remembered:
            real(self, *arguments)
        if not broken:
            broken.append(True)
            raise ConnectionResetError("lost on the way back")

    monkeypatch.setattr(Ingest, "_remember", remember)
    await member.count(member.chunk(0, 10))
    await member.count(member.chunk(10, 20))
    assert broken
    assert await total(pool) == 20
    assert audit == [(0, 10), (10, 20)]


async def test_an_attempt_that_fails_leaves_nothing_behind(pool, audit, monkeypatch):
    member = Member(pool, "only")
    await member.claim()
    await member.count(member.chunk(0, 10))
    real = Ingest._write
    failures: list[bool] = []

    async def write(self: Ingest[Any], *arguments: Any) -> None:
        await real(self, *arguments)
        if len(failures) < 3:
            failures.append(True)
            raise asyncpg.DeadlockDetectedError("as PostgreSQL says it")

    monkeypatch.setattr(Ingest, "_write", write)
    await member.count(member.chunk(10, 20))
    assert len(failures) == 3
    assert await total(pool) == 20
    assert unbroken([moved for number, moved in enumerate(audit) if number not in {1, 2, 3}])


async def test_a_topic_that_was_made_again_is_not_read_on_from_the_old_offset(pool):
    before = Member(pool, "only")
    await before.claim()
    await before.count(before.chunk(0, 10))
    with pytest.raises(LedgerMismatchError, match="raw_metrics"):
        await Member(pool, "only", topic_id="made again").claim()
    assert await pool.fetchval("SELECT next_offset FROM partition_ledger") == 10


async def test_repeats_by_batch_id_fall_out_within_a_chunk_and_between_partitions(pool):
    other = TP("raw_metrics", 1)
    member = Member(pool, "only")
    member.consumer.assigned = frozenset({RAW, other})
    await member.claim()
    message = batch([sample(1), sample(2)], batch_id=str(UUID(int=7, version=4)))
    records = [Record(0, message), Record(1, message), Record(2, json.dumps(json.loads(message)).encode())]
    for tp in (RAW, other):
        await member.count(Chunk(tp, 0, 3, records, member.consumer.token, 0.0))
    assert await total(pool) == 2
    assert member.ingest.tally.repeats == 5
