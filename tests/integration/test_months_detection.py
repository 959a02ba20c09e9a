"""What detection makes of telemetry whose oldest months the retention has dropped, on real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from storage import database as databases
from storage import partitions
from storage.partitions import SAMPLED, month_of
from streams.detect import Detect
from streams.news import News
from tests.databases import Database
from tests.world import Place, build

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = TODAY - timedelta(days=150)
LATE = TODAY - timedelta(days=3)
RETENTION = timedelta(days=35)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="detection")
    yield pool
    await pool.close()


@pytest.fixture
async def place(database: Database) -> Place:
    """A project whose adoption is 40 % from the first day on, where 60 % were assumed."""
    place = (await build(database)).places["a1"]
    async with database.superuser() as connection:
        days = [FIRST + timedelta(days=n) for n in range(150)]
        await partitions.make(connection, {month_of(day.timestamp()) for day in days})
        await connection.execute(
            "TRUNCATE telemetry, partial, detector_state, divergence_report, cascade_analysis, report_event,"
            " alert_delivery"
        )
        await connection.execute("UPDATE assumption SET effective_from = $1", FIRST)
        await connection.execute("UPDATE project_watermark SET first_event = $1", FIRST)
        await connection.execute("UPDATE project_clock SET day_closed_through = $1", yesterday())
        await connection.execute(
            """INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id, unit,
                   metric_value, numerator, denominator, sample_count, user_count, revision)
               SELECT $1, $2, d + h * interval '1 hour', 'user_adoption', 'mainstream', 'F12',
                   gen_random_uuid(), '%', 40 + h % 3, 400 + 10 * (h % 3), 1000, 1000, 0, 1
               FROM unnest($3::timestamptz[]) AS d, generate_series(0, 11) AS h""",
            place.org,
            place.project,
            days,
        )
    return place


def yesterday() -> date:
    return (TODAY - timedelta(days=1)).date()


async def examine(pool: asyncpg.Pool, place: Place, retention: timedelta | None, news: News) -> None:
    holdings: Any = None
    detect = Detect(pool, holdings, retention, webhook=False)
    async with pool.acquire() as connection, connection.transaction():
        await detect._examine(connection, place.org, place.project, news)


async def reports(pool: asyncpg.Pool) -> list[tuple[Any, ...]]:
    rows = await pool.fetch("SELECT detected_at, status FROM divergence_report ORDER BY 1")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("late", "retention", "statuses"),
    [
        # A checkpoint stands before it.
        (LATE, RETENTION, ["OPEN"]),
        # None does, and the days that would have to be folded again are gone.
        (FIRST, RETENTION, ["OPEN"]),
        # What becomes of those who do not know that they are.
        (FIRST, None, ["SUPERSEDED", "OPEN"]),
    ],
)
async def test_a_late_hour_forgets_no_report_of_days_that_were_dropped(
    pool: asyncpg.Pool, place: Place, late: datetime, retention: timedelta | None, statuses: list[str]
):
    await examine(pool, place, None, News(yesterday(), None))
    ((detected_at, status),) = await reports(pool)
    assert (status, detected_at < TODAY - timedelta(days=100)) == ("OPEN", True)
    async with pool.acquire() as connection:
        await partitions.drop(connection, SAMPLED, (TODAY - timedelta(days=40)).date().replace(day=1))
    await examine(pool, place, retention, News(yesterday(), late))
    after = await reports(pool)
    assert [status for _, status in after] == statuses
    assert after[0][0] == detected_at


async def test_a_new_assumption_starts_with_the_first_day_that_is_kept(pool: asyncpg.Pool, place: Place):
    await examine(pool, place, RETENTION, News(yesterday(), None))
    ((detected_at, status),) = await reports(pool)
    assert (status, detected_at > TODAY - timedelta(days=70)) == ("OPEN", True)
