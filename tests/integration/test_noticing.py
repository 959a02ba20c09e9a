"""Silence, refusals and days that wait, noticed by the worker's chore on real PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from routing.matchers import NoticeKind
from settings import Settings
from storage import database as databases
from storage import notices, silence, watching
from storage.notices import About
from streams.app import GROUP
from streams.noticing import Noticing
from tests.databases import Database
from tests.world import Place, World, build

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
STOPPED = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 28, tzinfo=UTC)
SETTINGS = Settings()
FOUND = """SELECT kind, cohort, ended_at, detail ->> 'over' AS over, detail FROM alert_notice
           WHERE project_id = $1 AND opened_at > '2026-11-02' ORDER BY opened_at, kind, cohort"""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="noticing")
    yield pool
    await pool.close()


@pytest.fixture
async def world(database: Database) -> World:
    """Three projects that published until some hour; every partition is read to its end until LATER."""
    world = await build(database)
    async with database.superuser() as connection:
        await connection.execute("TRUNCATE telemetry, series, dead_letter, partial, alert_due")
        await connection.execute(
            """INSERT INTO partition_ledger (consumer, topic, partition, next_offset, epoch, owner, topic_id,
                                             caught_up_at, fresh_at)
               SELECT $1, t, 0, 1, 1, 'w', 't', $2, $2 FROM unnest($3::text[]) AS t""",
            GROUP,
            LATER,
            ["raw_metrics", "otlp_metrics", "backfill_metrics"],
        )
    await publish(world, "a1", until=STOPPED)
    await publish(world, "a2", until=LATER)
    await publish(world, "b1", until=LATER)
    return world


async def publish(
    world: World, name: str, until: datetime, *, cohort: str = "mainstream", since: datetime = BEGAN
) -> None:
    """Each hour in [since, until) has a row, as the closer makes it."""
    place = world.places[name]
    async with world.database.superuser() as connection:
        await connection.execute(
            """INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id,
                   metric_value, unit, sample_count, user_count, revision, created_at)
               SELECT $1, $2, h, 'user_adoption', $3, 'F12', gen_random_uuid(), 42, '%', 10, 10, 1,
                      h + interval '1 hour 10 minutes'
               FROM generate_series($4::timestamptz, $5::timestamptz - interval '1 hour', '1 hour') AS h""",
            place.org,
            place.project,
            cohort,
            since,
            until,
        )
        await connection.execute(
            """INSERT INTO series (org_id, project_id, metric_name, cohort, feature, last_hour)
               VALUES ($1, $2, 'user_adoption', $3, 'F12', $4::timestamptz - interval '1 hour')
               ON CONFLICT (org_id, project_id, metric_name, cohort, feature)
               DO UPDATE SET last_hour = greatest(series.last_hour, EXCLUDED.last_hour)""",
            place.org,
            place.project,
            cohort,
            until,
        )
        await connection.execute(
            """UPDATE project_watermark SET event_time = $3, seen_at = greatest(seen_at, $3)
               WHERE org_id = $1 AND project_id = $2""",
            place.org,
            place.project,
            until - timedelta(minutes=1),
        )


async def change(world: World, statement: str, *arguments: Any) -> None:
    async with world.database.superuser() as connection:
        await connection.execute(statement, *arguments)


async def looked(
    pool: asyncpg.Pool, world: World, at: datetime, name: str = "a1"
) -> list[tuple[str, str, str]]:
    """Look once, and return a project's notices: kind, cohort, and how it stands."""
    await Noticing().look(pool, SETTINGS, at)
    return await standing(world, name)


async def standing(world: World, name: str = "a1") -> list[tuple[str, str, str]]:
    async with world.database.superuser() as connection:
        rows = await connection.fetch(FOUND, world.places[name].project)
    return [(row["kind"], row["cohort"], row["over"] or "open") for row in rows]


async def due(world: World) -> list[UUID]:
    async with world.database.superuser() as connection:
        rows = await connection.fetch(
            """DELETE FROM alert_due AS d USING alert_notice AS n
               WHERE d.subject_kind = 'notice' AND (n.org_id, n.id, n.project_id)
                     = (d.org_id, d.subject_id, d.project_id) RETURNING d.project_id"""
        )
    return [row[0] for row in rows]


SILENT = ("PROJECT_SILENT", "", "open")


async def test_a_project_that_stops_is_told_and_is_over_when_it_publishes_again(
    pool: asyncpg.Pool, world: World
):
    here = world.places["a1"].project
    assert await looked(pool, world, STOPPED + 5 * HOUR) == []
    assert await due(world) == []
    assert await looked(pool, world, STOPPED + 6 * HOUR) == [SILENT]
    assert await due(world) == [here], "it is to be told, in the transaction that opened it"
    assert await looked(pool, world, STOPPED + 9 * HOUR) == [SILENT], "once"
    assert await due(world) == []

    await publish(world, "a1", since=STOPPED + 10 * HOUR, until=STOPPED + 11 * HOUR)
    over = ("PROJECT_SILENT", "", "published again")
    assert await looked(pool, world, STOPPED + 11 * HOUR) == [over]
    assert await due(world) == [here]
    assert await looked(pool, world, STOPPED + 18 * HOUR) == [over, SILENT], "and when it stops again"
    assert await standing(world, "a2") == await standing(world, "b1") == [], "who publishes is left alone"


async def test_nobody_is_silent_while_we_do_not_listen(pool: asyncpg.Pool, world: World):
    set_ledger = "UPDATE partition_ledger SET caught_up_at = $1 WHERE topic = $2"
    await change(world, set_ledger, STOPPED + 5 * HOUR, "otlp_metrics")
    assert await looked(pool, world, LATER) == []
    await change(world, set_ledger, None, "otlp_metrics")
    assert await looked(pool, world, LATER) == [], "never read to its end"
    await change(world, set_ledger, LATER, "otlp_metrics")
    await change(world, set_ledger, None, "backfill_metrics")
    assert await looked(pool, world, LATER) == [SILENT], "history keeps nobody waiting"


async def test_nor_is_one_that_is_archived_never_published_or_was_gone_before(
    pool: asyncpg.Pool, world: World
):
    await change(world, "UPDATE project SET is_archived = true WHERE id = $1", world.places["a1"].project)
    await change(world, "DELETE FROM project_watermark WHERE project_id = $1", world.places["a2"].project)
    far = STOPPED + 15 * DAY
    await change(world, "UPDATE partition_ledger SET caught_up_at = $1", far)
    assert await looked(pool, world, far) == []
    assert await standing(world, "a2") == []
    assert await standing(world, "b1") == [SILENT], "within its two weeks"

    await change(world, "UPDATE project SET is_archived = true WHERE id = $1", world.places["b1"].project)
    assert await looked(pool, world, far, "b1") == [("PROJECT_SILENT", "", "archived")]


async def test_hours_that_the_team_took_out_are_no_silence(pool: asyncpg.Pool, world: World):
    place = world.places["a1"]
    window = """INSERT INTO exclusion_window (org_id, id, project_id, starts_at, ends_at, kind, reason,
                                              created_by, metric_name)
                VALUES ($1, $2, $3, $4, $5, 'MIGRATION', 'we move', $6, $7)"""
    span = (STOPPED, STOPPED + 8 * HOUR)
    await change(world, window, place.org, uuid4(), place.project, *span, world.ann, None)
    assert await looked(pool, world, STOPPED + 10 * HOUR) == []
    assert await looked(pool, world, STOPPED + 11 * HOUR) == [SILENT], "three hours after it"


async def test_a_cohort_that_stops_is_told_while_the_others_go_on(pool: asyncpg.Pool, world: World):
    await publish(world, "a2", until=STOPPED, cohort="early")
    await publish(world, "a2", until=STOPPED, cohort="late", since=STOPPED - 11 * HOUR)
    early = ("COHORT_SILENT", "early", "open")
    assert await looked(pool, world, LATER, "a2") == [early], "late has no rhythm that could be known"
    assert world.places["a2"].project in await due(world)
    assert await looked(pool, world, LATER, "a2") == [early]

    await publish(world, "a2", since=LATER, until=LATER + HOUR, cohort="early")
    assert await looked(pool, world, LATER + HOUR, "a2") == [("COHORT_SILENT", "early", "published again")]


async def test_of_a_project_that_is_silent_no_cohort_is(pool: asyncpg.Pool, world: World):
    await publish(world, "a1", until=STOPPED - 9 * HOUR, cohort="early")
    assert await looked(pool, world, STOPPED + 7 * HOUR) == [SILENT]


async def test_a_share_of_dead_letters_is_told_and_calms(pool: asyncpg.Pool, world: World):
    place, now = world.places["a2"], LATER - 40 * timedelta(minutes=1)
    partial = """INSERT INTO partial (org_id, project_id, hour, metric_name, cohort, feature, topic,
                     partition, value_micro, of_micro, sample_count, revision, dirty)
                 VALUES ($1, $2, $3, 'user_adoption', '', '', 'raw_metrics', 0, 1, 1, $4, 1, false)"""
    # 80 minutes of samples are 600 an hour.
    await change(world, partial, place.org, place.project, now.replace(minute=0) - HOUR, 800)
    await refuse(world, place, 31, now - HOUR / 2)
    assert await looked(pool, world, now, "a2") == [], "31 of 631: under 5 %"
    await refuse(world, place, 1, now - HOUR / 2, reason="too_late")
    told = ("DEAD_LETTERS", "", "open")
    assert await looked(pool, world, now, "a2") == [told], "32 of 632"
    async with world.database.superuser() as connection:
        [row] = await connection.fetch(FOUND, place.project)
    assert json.loads(row["detail"]) == {
        "refused": 32,
        "accepted": 600,
        "share": 0.0506,
        "reasons": {"bad_value": 31, "too_late": 1},
    }
    assert await looked(pool, world, now + HOUR / 4, "a2") == [told]
    await refuse(world, place, 5000, now + HOUR, topic="backfill_metrics")
    over = ("DEAD_LETTERS", "", "fewer are refused")
    assert await looked(pool, world, now + HOUR, "a2") == [over], "history is no part of it"


async def refuse(
    world: World,
    place: Place,
    samples: int,
    at: datetime,
    reason: str = "bad_value",
    topic: str = "raw_metrics",
) -> None:
    await change(
        world,
        """INSERT INTO dead_letter (org_id, id, project_id, topic, partition, record_offset, record_at,
                                    reason, indices, sample_count, refused_at)
           VALUES ($1, gen_random_uuid(), $2, $3, 0, 1, $4, $5, '[1]', $6, $4)""",
        place.org,
        place.project,
        topic,
        at,
        reason,
        samples,
    )


async def test_days_that_detection_leaves_alone_are_told(pool: asyncpg.Pool, world: World):
    clock = """UPDATE project_clock SET day_closed_through = $2, day_closed_at = $3 WHERE project_id = $1"""
    state = "UPDATE detector_state SET folded_through = $2 WHERE project_id = $1"
    here, day = world.places["a2"].project, (LATER - DAY).date()
    await change(world, clock, here, day, LATER)
    assert await looked(pool, world, LATER + HOUR, "a2") == [], "an hour is nothing"
    behind = ("DETECTION_BEHIND", "", "open")
    assert await looked(pool, world, LATER + 1.1 * HOUR, "a2") == [behind]
    await change(world, state, here, day)
    assert await looked(pool, world, LATER + 1.2 * HOUR, "a2") == [("DETECTION_BEHIND", "", "caught up")]


async def test_two_workers_open_no_notice_twice(pool: asyncpg.Pool, world: World):
    at = STOPPED + 7 * HOUR
    await asyncio.gather(*(Noticing().look(pool, SETTINGS, at) for _ in range(4)))
    assert await standing(world) == [SILENT]

    # Nor without turns: of two transactions at once one waits for the other, and then has nothing to open.
    place = world.places["a2"]
    kinds = (NoticeKind.DEAD_LETTERS, NoticeKind.DETECTION_BEHIND)
    found: dict[About, dict[str, Any]] = {About(place.project, kind): {} for kind in kinds}

    async def begin() -> int:
        async with pool.acquire() as connection, connection.transaction():
            opened = await notices.begin(connection, place.org, found, at)
            await asyncio.sleep(0.05)
            return len(opened)

    assert sorted(await asyncio.gather(begin(), begin(), begin())) == [0, 0, 2]


async def test_what_is_looked_up_is_found_by_index(pool: asyncpg.Pool, world: World):
    """With scans forbidden none is left: not even that of a table without any other way in."""
    place = world.places["a1"]
    project, now = (place.org, place.project), STOPPED
    hours = [now - count * HOUR for count in range(48)]
    item = silence.Cohort(place.project, "early", ZoneInfo("UTC"), now - DAY, now, ["user_adoption"])
    plans: list[str] = []
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        asked: Any = _Explaining(connection, plans)
        await silence.organisations(asked)
        await silence.projects(asked, place.org, GROUP)
        await silence.arrivals(asked, project, hours, HOUR)
        await silence.cohorts(asked, place.org, HOUR, [])
        await silence.filled(asked, project, hours)
        await silence.filled_by(asked, place.org, item, hours)
        await watching.refused(asked, place.org, now)
        await watching.behind(asked, place.org, now)
        await notices.standing(asked, place.org)
    assert len(plans) == 9
    assert not [plan for plan in plans if "Seq Scan" in plan]


class _Explaining:
    """A connection that notes the plans of what is fetched, for the values that are asked with."""

    def __init__(self, connection: Any, plans: list[str]) -> None:
        self._connection, self._plans = connection, plans

    async def fetch(self, query: str, *arguments: Any) -> Any:
        plan = await self._connection.fetch(f"EXPLAIN {query}", *arguments)
        self._plans.append("\n".join(row[0] for row in plan))
        return await self._connection.fetch(query, *arguments)
