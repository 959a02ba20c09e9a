"""A project's hours are its own: another's wrong clock, or backlog, neither moves nor delays them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from storage import database as databases
from streams.close import Closer, Patience
from tests.databases import Database
from tests.members import LIMITS, Member
from tests.unit.streams.messages import ORG, OTHER, PROJECT, batch, sample

WEEK = timedelta(days=7)
NOW = datetime.now(UTC)
HOUR = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
LIVE = replace(LIMITS, lateness=WEEK.total_seconds())
AMISS = (timedelta(days=400), timedelta(hours=1), timedelta(days=-800), timedelta(days=-3000))


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    async with database.superuser() as connection:
        await connection.execute("INSERT INTO organization (id, name, slug) VALUES ($1, 'Acme', 'acme')", ORG)
        await connection.execute(
            "INSERT INTO app_user (id, email, full_name) VALUES ($1, 'ann@acme.example', 'Ann')", ORG
        )
        await connection.execute(
            "INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $1, 'Team', $1)", ORG
        )
        for project in (PROJECT, OTHER):
            await connection.execute(
                """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
                   VALUES ($1, $2, $1, $2::uuid::text, 'It takes too long.', $1)""",
                ORG,
                project,
            )
    pool = await databases.worker_pool(database.worker_url, name="clocks")
    yield pool
    await pool.close()


def at(moment: datetime, project: UUID) -> bytes:
    return batch([sample(1, moment.timestamp())], project=project)


async def ready(pool: asyncpg.Pool, partition: int) -> Member:
    member = Member(pool, f"w{partition}", limits=LIVE, partition=partition, clock=NOW.timestamp)
    await member.claim()
    return member


async def closed(pool: asyncpg.Pool) -> dict[UUID, datetime]:
    closer = Closer(pool, "chaos", Patience(timedelta(minutes=10), timedelta(hours=1), WEEK))
    while await closer.tick():
        pass
    rows = await pool.fetch("SELECT project_id, closed_through FROM project_clock")
    return {row[0]: row[1] for row in rows}


async def rows_of(pool: asyncpg.Pool, project: UUID) -> list[datetime]:
    found = await pool.fetch("SELECT timestamp FROM telemetry WHERE project_id = $1 ORDER BY 1", project)
    return [row[0] for row in found]


def good(project: UUID) -> list[bytes]:
    """Samples whose first hour is over by event time, and whose second is not."""
    return [at(HOUR + timedelta(minutes=30), project), at(HOUR + timedelta(minutes=75), project)]


async def test_a_clock_that_is_wrong_moves_nobody_elses_hours(pool: asyncpg.Pool):
    member = await ready(pool, 0)
    wrong = [at(NOW + amiss, OTHER) for amiss in AMISS]
    first, last = good(PROJECT)
    await member.count(member.of([wrong[0], first, *wrong[1:], last, *wrong]))
    assert (await closed(pool))[PROJECT] == HOUR + timedelta(hours=1)
    assert await rows_of(pool, PROJECT) == [HOUR]
    reasons = await pool.fetch("SELECT headers ->> 'augentis-reason' FROM outbox ORDER BY id")
    told = [row[0] for row in reasons if row[0]]
    # A first sample may be of any time; from then on what is older than it by a week is too late.
    assert told == ["future", "future", "too_late", "future", "future", "too_late"]


async def test_future_samples_do_not_move_ones_own_hours_either(pool: asyncpg.Pool):
    member = await ready(pool, 0)
    first, last = good(PROJECT)
    await member.count(member.of([first, at(NOW + timedelta(hours=1), PROJECT), last]))
    assert (await closed(pool))[PROJECT] == HOUR + timedelta(hours=1)


@pytest.mark.parametrize(("behind", "rows"), [(OTHER, [HOUR]), (PROJECT, [])])
async def test_a_backlog_holds_open_the_hours_of_its_own_project_alone(
    pool: asyncpg.Pool, behind: UUID, rows: list[datetime]
):
    member, lagging = await ready(pool, 0), await ready(pool, 1)
    await lagging.count(lagging.of([at(HOUR - timedelta(days=3), behind)] * 50))
    await member.count(member.of(good(PROJECT)))
    assert (await closed(pool)).get(PROJECT) == (HOUR + timedelta(hours=1) if rows else None)
    assert await rows_of(pool, PROJECT) == rows
