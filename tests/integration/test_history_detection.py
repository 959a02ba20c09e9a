"""What detection tells of days into which history came, on real PostgreSQL."""

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from storage import database as databases
from storage import partitions
from storage.partitions import month_of
from streams.detect import Detect
from streams.news import News
from tests.databases import Database
from tests.world import Place, build

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BROKEN, KEPT = 40, 75
LIVE, BACKFILL, IMPORT = "raw_metrics", "backfill_metrics", "import"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="history")
    yield pool
    await pool.close()


@pytest.fixture
async def place(database: Database) -> Place:
    """A project whose adoption was assumed to be 60 %, ninety days ago, and that has no telemetry yet."""
    place = (await build(database)).places["a1"]
    first = day(90)
    async with database.superuser() as connection:
        await partitions.make(connection, {month_of(day(ago).timestamp()) for ago in range(91)})
        await connection.execute(
            "TRUNCATE telemetry, partial, detector_state, alert_delivery, report_event, divergence_report,"
            " cascade_analysis, outbox"
        )
        await connection.execute("UPDATE assumption SET effective_from = $1", first)
        await connection.execute("UPDATE project_watermark SET first_event = $1", first)
        await connection.execute("UPDATE project_clock SET day_closed_through = $1", first.date())
    return place


def day(ago: int) -> datetime:
    return TODAY - timedelta(days=ago)


async def came(pool: asyncpg.Pool, place: Place, ago: Iterable[int], percent: int, source: str) -> None:
    """Note closed hours of some days, and the source that they are from."""
    days = [day(each) for each in ago]
    hours = "unnest($3::timestamptz[]) AS d, generate_series(0, 11) AS h"
    series = "$1, $2, d + h * interval '1 hour', 'user_adoption', 'mainstream', 'F12', 1000, 1"
    key = "metric_name, cohort, feature, sample_count, revision"
    await pool.execute(
        f"""INSERT INTO telemetry (org_id, project_id, timestamp, {key}, id, unit, metric_value, numerator,
                denominator, user_count)
            SELECT {series}, gen_random_uuid(), '%', $4::int, 10 * ($4::int + h % 3), 1000, 0 FROM {hours}
            ON CONFLICT DO NOTHING""",
        *(place.org, place.project, days, percent),
    )
    await pool.execute(
        f"""INSERT INTO partial (org_id, project_id, hour, {key}, topic, partition, value_micro, of_micro,
                dirty)
            SELECT {series}, $4, 0, 0, 0, false FROM {hours}""",
        *(place.org, place.project, days, source),
    )


async def examine(
    pool: asyncpg.Pool, place: Place, through: int, changed_from: datetime | None = None
) -> None:
    holdings: Any = None
    news = News((day(through)).date(), changed_from)
    async with pool.acquire() as connection, connection.transaction():
        await Detect(pool, holdings, None, webhook=True)._examine(connection, place.org, place.project, news)


async def reports(pool: asyncpg.Pool) -> list[tuple[bool, str, str | None]]:
    rows = await pool.fetch(
        "SELECT historical, status, resolution FROM divergence_report ORDER BY detected_at"
    )
    return [tuple(row) for row in rows]


async def alerts(pool: asyncpg.Pool) -> list[str]:
    rows = await pool.fetch("SELECT destination FROM outbox ORDER BY destination")
    return [row[0] for row in rows]


PAGED = ["kafka", "webhook"]


@pytest.mark.parametrize("source", [BACKFILL, IMPORT, f"{BACKFILL}.acme"])
async def test_a_breach_in_history_is_reported_as_historical_and_pages_nobody(
    pool: asyncpg.Pool, place: Place, source: str
):
    await came(pool, place, range(90, 10, -1), BROKEN, source)
    await examine(pool, place, 11)
    assert await reports(pool) == [(True, "OPEN", None)]
    assert await alerts(pool) == []


async def test_the_same_breach_seen_live_pages(pool: asyncpg.Pool, place: Place):
    await came(pool, place, range(90, 10, -1), BROKEN, LIVE)
    await examine(pool, place, 11)
    assert await reports(pool) == [(False, "OPEN", None)]
    assert await alerts(pool) == PAGED


async def test_a_breach_that_lasts_from_history_into_live_days_pages_once(pool: asyncpg.Pool, place: Place):
    await came(pool, place, range(90, 10, -1), BROKEN, BACKFILL)
    await examine(pool, place, 11)
    for ago in range(10, 0, -1):
        await came(pool, place, [ago], BROKEN, LIVE)
        await examine(pool, place, ago)
    assert await reports(pool) == [(True, "RESOLVED", "live days"), (False, "OPEN", None)]
    assert await alerts(pool) == PAGED
    # Folded again from the first day, the same comes out, and nothing more is sent.
    await examine(pool, place, 1, day(80))
    assert await reports(pool) == [(True, "RESOLVED", "live days"), (False, "OPEN", None)]
    assert await alerts(pool) == PAGED


async def test_a_breach_that_ended_in_history_is_over_and_a_live_one_pages(pool: asyncpg.Pool, place: Place):
    await came(pool, place, range(90, 60, -1), BROKEN, BACKFILL)
    await came(pool, place, range(60, 20, -1), KEPT, BACKFILL)
    await examine(pool, place, 21)
    assert await reports(pool) == [(True, "RESOLVED", "data")]
    await came(pool, place, range(20, 10, -1), KEPT, LIVE)
    await examine(pool, place, 11)
    assert await alerts(pool) == []
    await came(pool, place, range(10, 0, -1), BROKEN, LIVE)
    await examine(pool, place, 1)
    assert await reports(pool) == [(True, "RESOLVED", "data"), (False, "OPEN", None)]
    assert await alerts(pool) == PAGED


async def test_history_loaded_behind_live_days_unsays_no_page_and_repeats_none(
    pool: asyncpg.Pool, place: Place
):
    await came(pool, place, range(30, 10, -1), BROKEN, LIVE)
    await pool.execute("UPDATE project_watermark SET first_event = $1", day(30))
    await examine(pool, place, 11)
    paged = await pool.fetchval("SELECT detected_at FROM divergence_report")
    assert await alerts(pool) == PAGED
    ago = (TODAY - paged).days + 1
    await came(pool, place, [ago], BROKEN, IMPORT)
    await examine(pool, place, 11, day(ago))
    assert await reports(pool) == [(False, "OPEN", None)]
    assert await alerts(pool) == PAGED


async def test_an_empty_day_does_not_end_a_breach_of_history(pool: asyncpg.Pool, place: Place):
    await came(pool, place, range(90, 10, -1), BROKEN, BACKFILL)
    await examine(pool, place, 5)
    assert await reports(pool) == [(True, "OPEN", None)]


@pytest.fixture
async def priced(database: Database, place: Place) -> Place:
    """The same project, whose assumption is about the elasticity between two prices."""
    async with database.superuser() as connection, connection.transaction():
        await connection.execute(
            "SET LOCAL session_replication_role = replica"
        )  # an approved version is frozen
        await connection.execute(
            "UPDATE assumption SET unit = 'elasticity', operator = '<=', value = -1.2 WHERE id = $1",
            place.assumption,
        )
        await connection.execute(
            "UPDATE artifact SET content = $2, deployed_at = $3 WHERE id = $1",
            *(place.artifact, json.dumps({"price": 10}), day(90)),
        )
        await connection.execute(
            """INSERT INTO artifact (org_id, project_id, id, type, key, version, content, created_by, status,
                   approved_at, approved_by, deployed_at)
               SELECT org_id, project_id, gen_random_uuid(), type, key, version + 1, $2, created_by, status,
                   approved_at, approved_by, $3 FROM artifact WHERE id = $1""",
            *(place.artifact, json.dumps({"price": 20}), day(60)),
        )
    return place


async def test_an_elasticity_found_in_history_pages_when_live_days_show_it_too(
    pool: asyncpg.Pool, priced: Place
):
    await came(pool, priced, range(90, 20, -1), KEPT, BACKFILL)
    await examine(pool, priced, 21)
    assert await reports(pool) == [(True, "OPEN", None)]
    assert await alerts(pool) == []
    await came(pool, priced, range(20, 10, -1), KEPT, LIVE)
    await examine(pool, priced, 11)
    assert await reports(pool) == [(True, "RESOLVED", "live days"), (False, "OPEN", None)]
    assert len(await alerts(pool)) > 0
