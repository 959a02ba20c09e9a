"""Samples of months that are not there yet, and of months that are no longer kept, on real PostgreSQL."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from metrics.names import Metric
from storage import closing, detection, partials, partitions
from storage import database as databases
from storage.closing import Closable
from storage.ledger import Place
from storage.partials import SeriesHour
from streams.months import Months
from tests.databases import Database
from tests.members import LIMITS, Member
from tests.unit.streams.messages import ORG, PROJECT, batch, sample

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)
KEPT = timedelta(days=35)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="months")
    yield pool
    await pool.close()


def months_back(count: int) -> date:
    """The first day of a month before this one."""
    months = NOW.year * 12 + NOW.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)


def at(day: date) -> float:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()


async def counted(pool: asyncpg.Pool) -> dict[date, int]:
    rows = await pool.fetch("SELECT hour::date, sum(sample_count)::int FROM partial GROUP BY 1")
    return dict(map(tuple, rows))


async def test_history_of_three_years_makes_its_months_and_counts_once(pool: asyncpg.Pool):
    member = Member(pool, "only")
    await member.claim()
    days = [(NOW - 3 * YEAR + timedelta(days=30 * n)).date() for n in range(30)]
    await member.count(member.of([batch([sample(1, at(day))]) for day in days]))
    assert await counted(pool) == dict.fromkeys(days, 1)
    async with pool.acquire() as connection:
        assert {day.replace(day=1) for day in days} <= await partitions.made(connection)


async def test_a_month_that_is_known_is_not_asked_for_again(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
):
    asked: list[set[date]] = []
    real = Months.make

    async def make(self: Months, months: set[date]) -> None:
        asked.append(months)
        await real(self, months)

    monkeypatch.setattr(Months, "make", make)
    member = Member(pool, "only")
    await member.claim()
    message = batch([sample(1, at(months_back(20)))])
    for offset in range(3):
        await member.count(member.of([message], offset))
    assert asked == [{months_back(20)}]
    await member.months.keep()
    await member.count(member.of([batch([sample(1, at(months_back(1)))])], 3))
    assert len(asked) == 1


async def test_two_workers_make_the_same_months_at_once(pool: asyncpg.Pool):
    members = [Member(pool, f"w{number}", partition=number) for number in range(4)]
    for member in members:
        await member.claim()
    days = [months_back(number) for number in range(10, 40)]
    chunks = [member.of([batch([sample(1, at(day)) for day in days])]) for member in members]
    await asyncio.gather(*(member.count(chunk) for member, chunk in zip(members, chunks, strict=True)))
    assert await counted(pool) == dict.fromkeys(days, 4)


async def test_what_the_retention_drops_goes_whole_and_is_refused_from_then_on(pool: asyncpg.Pool):
    old, new = months_back(3), months_back(1)
    messages = [batch([sample(1, at(old))]), batch([sample(1, at(new))])]
    before = Member(pool, "before")
    await before.claim()
    await before.count(before.of(messages))
    await before.months.keep()
    assert await counted(pool) == {old: 1, new: 1}

    after = Member(pool, "after", limits=replace(LIMITS, retention=KEPT.total_seconds()), clock=time.time)
    await after.claim()
    assert await counted(pool) == {new: 1}
    async with pool.acquire() as connection:
        assert min(await partitions.made(connection)) > old
    await after.count(after.of(messages, 2))
    assert await counted(pool) == {new: 2}
    letters = await pool.fetch("SELECT topic, headers ->> 'augentis-reason' FROM outbox")
    assert [tuple(row) for row in letters] == [("raw_metrics.dlq", "too_late")]


async def test_months_in_use_are_dropped_later_and_hold_nobody_up(
    pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    months = Months(pool, KEPT)
    await months.make({months_back(3)})
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetch("SELECT FROM telemetry")
        began = time.monotonic()
        await months.keep()
        assert time.monotonic() - began < 5
        assert "are in use: they are dropped later" in caplog.text
        assert months_back(3) in await partitions.made(connection)
    await months.keep()
    async with pool.acquire() as connection:
        assert months_back(3) not in await partitions.made(connection)


async def test_the_audit_log_has_a_retention_of_its_own(pool: asyncpg.Pool, database: Database):
    async with database.superuser() as connection:
        old = [months_back(number) for number in (3, 4)]
        await connection.execute("SELECT ensure_partitions($1, $2)", list(partitions.BY_MONTH), old)

    async def parts() -> set[str]:
        rows = await pool.fetch("SELECT inhrelid::regclass::text FROM pg_inherits")
        return {row[0] for row in rows if any(row[0].endswith(f"_{day:%Y_%m}") for day in old)}

    await Months(pool, KEPT).keep()
    assert await parts() == {f"audit_log_{day:%Y_%m}" for day in old}
    await Months(pool, None, KEPT).keep()
    assert await parts() == set()


class Explaining:
    """A connection that notes which months the plan of each statement opens."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.opened: set[str] = set()

    async def fetch(self, query: str, *arguments: Any) -> Any:
        plan = await self._connection.fetch(f"EXPLAIN {query}", *arguments)
        self.opened |= set(
            re.findall(r" (?:partial|telemetry)_(\d{4}_\d\d) ", "\n".join(row[0] for row in plan))
        )
        return await self._connection.fetch(query, *arguments)

    execute = fetch


async def test_what_names_its_hours_opens_their_months_alone(pool: asyncpg.Pool):
    member = Member(pool, "only")
    await member.claim()
    day = months_back(12)
    start = datetime(day.year, day.month, 1, tzinfo=UTC)
    await member.count(member.of([batch([sample(1, at(months_back(number))) for number in range(5, 29)])]))
    project = Closable(ORG, PROJECT, start + timedelta(days=3), start, start)
    place = Place("chaos", "raw_metrics", 0)
    series = SeriesHour(ORG, PROJECT, int(start.timestamp()), Metric.FEATURE_USAGE, "", "")
    watched: Any = SimpleNamespace(
        org_id=ORG,
        project_id=PROJECT,
        assumption=SimpleNamespace(metric_name=Metric.FEATURE_USAGE, series_cohort="", feature=""),
    )
    async with pool.acquire() as plain:
        connection: Any = Explaining(plain)
        await partials.load(connection, place, [series])
        changed = await closing.dirty_partials(connection, project, (start, project.through), 72)
        assert len(changed) == 1
        await closing.mark_clean(connection, changed)
        await closing.mark_final(connection, project, start, project.through)
        await detection.series(connection, watched, start, project.through)
        assert connection.opened == {f"{day:%Y_%m}"}
        # What names none opens all: the test would see it.
        await connection.fetch("SELECT FROM partial WHERE org_id = $1", ORG)
        assert len(connection.opened) > 24
