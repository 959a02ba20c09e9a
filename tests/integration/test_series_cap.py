"""The cap on series, in the transaction of a chunk: what is beyond it is refused, what was known goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from storage import series
from tests.databases import Database
from tests.members import Member
from tests.unit.streams.messages import LAST_HOUR, OTHER, batch, sample

MOST = 3
BY_COHORT = "SELECT cohort, sum(sample_count)::int FROM partial GROUP BY 1 ORDER BY 1"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database.worker_url, min_size=4) as pool:
        yield pool


async def member(pool: asyncpg.Pool, partition: int = 0, most: int = MOST) -> Member:
    made = Member(pool, f"worker-{partition}", partition=partition, most_series=most)
    await made.claim()
    return made


def of(*cohorts: str) -> bytes:
    return batch([sample(1, cohort=cohort) for cohort in cohorts])


async def refused(pool: asyncpg.Pool) -> list[tuple[int, str, list[int]]]:
    rows = await pool.fetch("SELECT headers FROM outbox ORDER BY id")
    said = [json.loads(row["headers"]) for row in rows]
    return sorted(
        (int(each["augentis-offset"]), each["augentis-reason"], json.loads(each["augentis-indices"]))
        for each in said
    )


async def counted(pool: asyncpg.Pool) -> dict[str, int]:
    return {row[0]: row[1] for row in await pool.fetch(BY_COHORT)}


async def test_what_is_beyond_the_cap_is_refused_and_what_was_known_goes_on(pool: asyncpg.Pool):
    one = await member(pool)
    await one.count(one.of([of("a", "b"), of("b", "c", "d", "a"), of("e", "c")]))
    assert await counted(pool) == {"a": 2, "b": 2, "c": 2}
    assert await refused(pool) == [(1, "too_many_series", [2]), (2, "too_many_series", [0])]
    assert one.ingest.tally.samples == 6

    await one.count(one.of([of("d", "a"), of("b")], 3))
    assert await counted(pool) == {"a": 3, "b": 3, "c": 2}
    assert (await refused(pool))[2:] == [(3, "too_many_series", [0])]
    assert await pool.fetchval("SELECT series FROM series_count") == MOST


async def test_a_wrong_sample_makes_no_series_and_is_told_once(pool: asyncpg.Pool):
    one = await member(pool, most=1)
    wrong = [sample(-1, cohort="w"), sample(1, cohort="a"), sample(-1, cohort="z"), sample(1, cohort="z")]
    await one.count(one.of([batch(wrong)]))
    assert await counted(pool) == {"a": 1}
    assert await refused(pool) == [(0, "bad_value", [0, 2]), (0, "too_many_series", [3])]
    assert {row["cohort"] for row in await pool.fetch("SELECT cohort FROM series")} == {"a"}


async def test_the_cap_is_a_projects_own(pool: asyncpg.Pool):
    one = await member(pool, most=1)
    await one.count(one.of([of("a"), batch([sample(1, cohort="b")], project=OTHER), of("b")]))
    assert [offset for offset, _, _ in await refused(pool)] == [2]
    assert await counted(pool) == {"a": 1, "b": 1}


async def test_partitions_at_once_do_not_pass_the_cap_together(pool: asyncpg.Pool):
    members = [await member(pool, partition, most=20) for partition in range(4)]
    first = await member(pool, 9, most=20)
    await first.count(first.of([of("shared")]))  # with it the project's count is there to be locked
    await asyncio.gather(
        *(
            each.count(each.of([of(*(f"{number}-{n}" for n in range(10)), "shared")]))
            for number, each in enumerate(members)
        )
    )
    rows = await pool.fetchval("SELECT count(*) FROM series")
    assert rows == await pool.fetchval("SELECT series FROM series_count") == 20
    counted_, refused_ = await counted(pool), await refused(pool)
    assert len(counted_) == 20
    assert sum(counted_.values()) + sum(len(indices) for _, _, indices in refused_) == 45


async def test_a_series_of_each_partition_counts_once(pool: asyncpg.Pool):
    for partition in range(3):
        one = await member(pool, partition)
        await one.count(one.of([of("a", "b")]))
    assert await pool.fetchval("SELECT series FROM series_count") == 2
    assert await refused(pool) == []


async def test_silent_series_make_room_when_there_is_none(pool: asyncpg.Pool, database: Database):
    one = await member(pool)
    await one.count(one.of([of("a", "b", "c")]))
    await _aged(database, "a", series.SILENT + timedelta(days=1))
    await _aged(database, "b", series.SILENT - timedelta(days=1))
    await one.count(one.of([of("d")], 1))
    assert [offset for offset, _, _ in await refused(pool)] == [1], "looked for an hour at most"
    async with database.superuser() as connection:
        await connection.execute("UPDATE series_count SET pruned_at = now() - interval '2 hours'")
    two = await member(pool, 1)
    await two.count(two.of([of("d", "e")]))
    found = {row["cohort"] for row in await pool.fetch("SELECT cohort FROM series")}
    assert found == {"b", "c", "d"}
    assert await pool.fetchval("SELECT series FROM series_count") == MOST


async def _aged(database: Database, cohort: str, age: timedelta) -> None:
    async with database.superuser() as connection:
        await connection.execute(
            "UPDATE series SET seen_at = now() - $2::interval WHERE cohort = $1", cohort, age
        )


async def test_a_series_that_is_known_asks_the_database_nothing(pool: asyncpg.Pool, monkeypatch: Any):
    one = await member(pool)
    await one.count(one.of([of("a")]))
    asked: list[object] = []

    async def add(*arguments: object) -> set[object]:
        asked.append(arguments)
        return set()

    monkeypatch.setattr(series, "add", add)
    later = batch([sample(1, LAST_HOUR - 3600, cohort="a")])
    await one.count(one.of([of("a"), later], 1))
    assert asked == []
    await one.count(one.of([of("b")], 3))
    assert len(asked) == 1
