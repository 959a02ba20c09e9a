"""Heartbeats on real PostgreSQL: there while all is served, away as soon as one thing is not."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

import storage.beating
from settings import Settings
from storage import database as databases
from streams import beating
from streams.app import GROUP
from tests.databases import Database
from tests.world import World, build

SETTINGS = Settings()
MINUTE = timedelta(minutes=1)
BEATS = "SELECT id, status, body, created_at FROM alert_delivery WHERE kind = 'heartbeat' ORDER BY sequence"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="beating")
    yield pool
    await pool.close()


@pytest.fixture
async def world(database: Database) -> World:
    """Organisation A has one webhook, which gets heartbeats; all was read just now, and nothing waits."""
    world = await build(database)
    every = "UPDATE alert_channel SET heartbeat_every = '5 minutes' WHERE id = $1"
    await change(world, every, world.channels[world.a])
    await change(
        world, "DELETE FROM alert_delivery; DELETE FROM alert_due; DELETE FROM outbox; TRUNCATE partial"
    )
    await change(
        world,
        """INSERT INTO partition_ledger (consumer, topic, partition, next_offset, epoch, owner, topic_id,
                                         caught_up_at, fresh_at)
           SELECT $1, t, 0, 1, 1, 'w', 't', now(), now()
           FROM unnest('{raw_metrics,otlp_metrics,backfill_metrics,telemetry_closed}'::text[]) AS t""",
        GROUP,
    )
    return world


async def change(world: World, statement: str, *arguments: Any) -> None:
    async with world.database.superuser() as connection:
        await connection.execute(statement, *arguments)


async def beats(pool: asyncpg.Pool, world: World, later: timedelta = timedelta()) -> list[asyncpg.Record]:
    """Look once, and return the heartbeats there are."""
    await beating.beat(pool, SETTINGS, datetime.now(UTC) + later)
    async with world.database.superuser() as connection:
        return await connection.fetch(BEATS)


async def test_what_is_served_beats_in_its_rhythm(pool: asyncpg.Pool, world: World):
    [first] = await beats(pool, world)
    event = json.loads(first["body"])
    assert (event["type"], event["data"]["org_id"]) == ("channel.heartbeat", str(world.a))
    assert await beats(pool, world, 4 * MINUTE) == [first], "not yet"
    await change(
        world,
        "UPDATE alert_delivery SET status = 'SENT', body = NULL, sent_at = now(), next_attempt_at = NULL",
    )
    second = (await beats(pool, world, 5 * MINUTE))[1:]
    assert [each["status"] for each in second] == ["PENDING"]
    assert second[0]["id"] != first["id"]


async def test_a_channel_that_is_down_has_one_that_waits(pool: asyncpg.Pool, world: World):
    [first] = await beats(pool, world)
    [second] = await beats(pool, world, 6 * MINUTE)
    assert second["id"] != first["id"]
    assert json.loads(second["body"])["timestamp"] > json.loads(first["body"])["timestamp"]


AILMENTS = {
    "a partition is not read": [
        "UPDATE partition_ledger SET caught_up_at = now() - interval '11 min' WHERE topic = 'raw_metrics'",
        "UPDATE partition_ledger SET caught_up_at = NULL WHERE topic = 'telemetry_closed'",
        "DELETE FROM partition_ledger",
    ],
    "hours are not closed": [
        """INSERT INTO partial (org_id, project_id, hour, metric_name, cohort, feature, topic, partition,
               value_micro, of_micro, sample_count, revision, dirty)
           SELECT org_id, id, date_trunc('hour', now()) - interval '4 hours', 'user_adoption', '', '',
                  'raw_metrics', 0, 1, 1, 1, 1, true FROM project WHERE org_id = '{org}' LIMIT 1"""
    ],
    "days are not judged": [
        """UPDATE project_clock SET day_closed_at = now() - interval '2 hours',
               day_closed_through = '2026-11-03' WHERE org_id = '{org}'"""
    ],
    "the outbox is not emptied": [
        """INSERT INTO outbox (org_id, destination, topic, next_attempt_at)
           VALUES ('{org}', 'kafka', 'telemetry_closed', now() - interval '6 minutes')"""
    ],
    "nobody decides whom an alert is for": [
        """INSERT INTO alert_due (org_id, subject_kind, subject_id, project_id, due_at, changed_at)
           SELECT org_id, 'report', gen_random_uuid(), id, now() - interval '6 minutes', now()
           FROM project WHERE org_id = '{org}' LIMIT 1"""
    ],
}
TOLD = [(reason, each) for reason, statements in AILMENTS.items() for each in statements]
HARMLESS = [
    "UPDATE partition_ledger SET caught_up_at = NULL WHERE topic = 'backfill_metrics'",
    # What is another's, what waits for news, and what a webhook of the operator's did not take.
    *(each.replace("{org}", "{other}") for reason, each in TOLD[3:] if reason != "the outbox is not emptied"),
    TOLD[6][1].replace("now() - interval '6 minutes'", "'infinity'"),
    TOLD[5][1].replace("'kafka'", "'webhook'"),
]


async def test_whatever_is_not_served_is_why_there_is_none(pool: asyncpg.Pool, world: World):
    async def ails(*statements: str) -> str | None:
        async with world.database.superuser() as connection:
            transaction = connection.transaction()
            await transaction.start()
            for each in statements:
                whose = each.replace("{org}", str(world.a)).replace("{other}", str(world.b))
                await connection.execute(whose)
            found = await storage.beating.ailing(
                connection, world.a, GROUP, SETTINGS.grace, datetime.now(UTC)
            )
            await transaction.rollback()
        return found

    assert await ails() is None
    for reason, statement in TOLD:
        assert await ails(statement) == reason, statement
    assert await ails(*HARMLESS) is None

    await change(world, TOLD[0][1])
    assert await beats(pool, world) == []
    await change(world, "UPDATE partition_ledger SET caught_up_at = now()")
    assert len(await beats(pool, world)) == 1


async def test_who_did_not_ask_gets_none(pool: asyncpg.Pool, world: World):
    disabled = "UPDATE alert_channel SET disabled_at = now(), disabled_reason = 'gone' WHERE org_id = $1"
    await change(world, disabled, world.a)
    assert await beats(pool, world) == []


async def test_two_workers_put_one(pool: asyncpg.Pool, world: World):
    await asyncio.gather(*(beating.beat(pool, SETTINGS, datetime.now(UTC)) for _ in range(3)))
    async with world.database.superuser() as connection:
        found = await connection.fetch(
            "SELECT thread_id, channel_id FROM alert_delivery WHERE kind = 'heartbeat'"
        )
    assert [storage.beating.thread_of(row["channel_id"]) for row in found] == [found[0]["thread_id"]]
