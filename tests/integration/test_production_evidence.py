"""Production as evidence: the worker's chore on Telemetry in real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import numpy as np
import pytest

from metrics.users import UserSet
from settings import Settings
from storage import database as databases
from storage import production, turns
from streams import testimony
from tests.databases import Database
from tests.world import HOUR, World, build

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="testimony")
    yield pool
    await pool.close()


@pytest.fixture
async def world(database: Database) -> World:
    """The world without telemetry; each project's artifact assumes something of mainstream users of F12."""
    world = await build(database)
    async with database.superuser() as connection:
        await connection.execute("TRUNCATE telemetry")
    return world


def users(first: int, past: int) -> bytes | None:
    """Users by number, as an hour keeps them."""
    return UserSet.of_hashes(np.arange(first + 1, past + 1, dtype="<u8") << np.uint64(40)).to_bytes()


async def hour(
    world: World, at: datetime, sketch: bytes | None, *, samples: int = 1, place: str = "a1", **other: Any
) -> None:
    where, count = world.places[place], UserSet.from_bytes(sketch).count()
    row = {
        "org_id": where.org,
        "project_id": where.project,
        "timestamp": at,
        "metric_name": "user_adoption",
        "cohort": "mainstream",
        "feature": "F12",
        "id": uuid4(),
        "metric_value": 40,
        "unit": "%",
        "sample_count": max(samples, count),
        "user_count": count,
        "users_sketch": sketch,
        "revision": 1,
        **other,
    }
    places = ", ".join(f"${index + 1}" for index in range(len(row)))
    async with world.database.superuser() as connection:
        await connection.execute(f"INSERT INTO telemetry ({', '.join(row)}) VALUES ({places})", *row.values())


async def found(pool: asyncpg.Pool, world: World, place: str = "a1") -> list[tuple[Any, ...]]:
    """Let the worker do its chore, and return what production says of a project's artifact."""
    await testimony.testify(pool, Settings(), NOW)
    rows = await pool.fetch(
        """SELECT evidence_count, evidence_tier, created_by, escalation_status, confidence_score FROM evidence
           WHERE source = 'telemetry' AND artifact_id = $1""",
        world.places[place].artifact,
    )
    return [tuple(row) for row in rows]


def says(heads: int) -> list[tuple[Any, ...]]:
    return [(heads, "E4", None, "ESCALATED", 100)]


async def test_users_count_once_and_a_thousand_are_enough(pool: asyncpg.Pool, world: World):
    await hour(world, HOUR, users(0, 600))
    await hour(world, HOUR + DAY, users(300, 999))
    assert await found(pool, world) == [], "999 people, in 1,299 visits"
    await hour(world, HOUR + 2 * DAY, users(999, 1000))
    assert await found(pool, world) == says(1000)
    await hour(world, HOUR + 3 * DAY, users(2000, 4000))
    assert await found(pool, world) == says(1000), "once is enough"


async def test_samples_count_where_no_user_is_reported(pool: asyncpg.Pool, world: World):
    await hour(world, HOUR, None, samples=999)
    assert await found(pool, world) == []
    await hour(world, HOUR + DAY, None, samples=1)
    assert await found(pool, world) == says(1000)


async def test_samples_are_no_people_where_users_are_reported(pool: asyncpg.Pool, world: World):
    await hour(world, HOUR, users(0, 10))
    await hour(world, HOUR + DAY, None, samples=100_000)
    assert await found(pool, world) == []


@pytest.mark.parametrize(
    "other",
    [
        {"at": HOUR - timedelta(hours=1)},
        {"at": NOW},
        {"cohort": "early"},
        {"feature": "F13"},
        {"metric_name": "retention"},
        {"place": "a2"},
    ],
)
async def test_what_an_assumption_is_not_about_is_no_evidence(
    pool: asyncpg.Pool, world: World, other: dict[str, Any]
):
    await hour(world, **{"at": HOUR, "sketch": users(0, 1000), **other})
    assert await found(pool, world) == []
    await hour(world, HOUR, users(0, 1000))
    assert await found(pool, world) == says(1000)


async def test_what_the_team_took_out_is_no_evidence(pool: asyncpg.Pool, world: World):
    await hour(world, HOUR, users(0, 1000))
    async with world.database.superuser() as connection:
        await connection.execute("UPDATE exclusion_window SET starts_at = $1, ends_at = $2", HOUR, HOUR + DAY)
        assert await found(pool, world) == []
        await connection.execute("UPDATE exclusion_window SET removed_at = now(), removed_by = created_by")
    assert await found(pool, world) == says(1000)


async def test_an_assumption_that_was_superseded_is_asked_nothing(pool: asyncpg.Pool, world: World):
    await hour(world, HOUR, users(0, 1000))
    async with world.database.superuser() as connection:
        await connection.execute("UPDATE assumption SET superseded_at = now()")
    assert await found(pool, world) == []


async def test_each_artifact_has_its_own_and_it_raises_tiers(pool: asyncpg.Pool, world: World):
    for place in ("a1", "b1"):
        await hour(world, HOUR, users(0, 1500), place=place)
    assert await found(pool, world) == says(1500)
    assert await found(pool, world, "b1") == says(1500)
    assert await found(pool, world, "a2") == []
    ids = {row["id"] for row in await pool.fetch("SELECT id FROM evidence WHERE source = 'telemetry'")}
    assert len(ids) == 2
    here = world.places["a1"]
    async with world.database.superuser() as connection:
        for source in ("interview", "analyst_report"):
            await connection.execute(
                """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                       evidence_count, url_or_reference, created_by, escalation_status, reviewed_by,
                       reviewed_at)
                   VALUES ($1, gen_random_uuid(), $2, $3, $4, 90, 10, 'x', $5, 'ESCALATED', $6, now())""",
                *(here.org, here.project, here.artifact, source, world.max, world.ann),
            )
        query = "SELECT evidence_tier FROM artifact WHERE id = $1"
        assert await connection.fetchval(query, here.artifact) == "E4", "an approved version"
        assert await connection.fetchval(query, world.places["b1"].artifact) == "E2", "rungs are missing"
        query = """SELECT actor_kind, action, resource_type FROM audit_log
                   WHERE actor_kind = 'role' AND resource_type = 'Evidence' AND resource_id = ANY ($1)
                     AND actor_name = $2"""
        told = await connection.fetch(query, list(ids), urlsplit(world.database.worker_url).username)
    assert [tuple(row) for row in told] == [("role", "CREATE", "Evidence")] * 2


async def test_it_reads_no_further_than_it_takes(pool: asyncpg.Pool, world: World):
    """A row that cannot be read lies behind those that are enough."""
    for late in range(1, 12):
        await hour(world, HOUR + late * timedelta(hours=1), users(0, 1200))
    await hour(world, HOUR, users(0, 10))
    async with pool.acquire() as connection, connection.transaction():
        (item,) = await production.promising(connection, NOW)
        people = await production.enough_people(connection, item, NOW)
    assert people is not None
    assert people.first == people.last == HOUR + timedelta(hours=11)


async def test_workers_take_turns(pool: asyncpg.Pool, world: World):
    await hour(world, HOUR, users(0, 1000))
    async with pool.acquire() as other, other.transaction():
        assert await turns.taken(other, "production as evidence")
        assert await found(pool, world) == []
    assert await found(pool, world) == says(1000)
