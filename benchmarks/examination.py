"""What one letter of `telemetry_closed` costs where a project assumes much: `make bench-examination`.

A project with so many assumptions, each about a series of its own, whose days are folded but the last two.
Then hours of a day close, one letter each, and the day itself: milliseconds and statements a letter, of
a worker's own connection to a real PostgreSQL.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from cli.stack import control
from cli.stack.layout import Layout
from storage import partitions
from storage.partitions import month_of
from streams.detect import Detect
from streams.news import News
from tests import databases, world
from tests.databases import Database
from tests.world import World

DAYS = 30
EVERY = 6
"""Of the letters of a day, each so many-th is sent."""
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
_CLOCK = "UPDATE project_clock SET day_closed_through = $1"
_ASSUMPTIONS = """INSERT INTO assumption (org_id, id, project_id, artifact_id, key, statement, metric_name,
    cohort, feature, operator, value, unit, tolerance, tolerance_kind, divergence_type, evidence_tier,
    effective_from, min_users, owner, runbook_url)
    SELECT $1, gen_random_uuid(), $2, $3, 'a' || n, '', 'user_adoption', 'mainstream', 'F' || n, '>=', 60,
        '%', 0, 'absolute', 'FEATURE_ADOPTION_MISS', 'E2', $4, 0, '', ''
    FROM generate_series(1, $5::int) AS n"""
_TELEMETRY = """INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id, unit,
    metric_value, numerator, denominator, sample_count, user_count, revision)
    SELECT $1, $2, $3::timestamptz + h * interval '1 hour', 'user_adoption', 'mainstream', 'F' || n,
        gen_random_uuid(), '%', v, 10 * v, 1000, 1000, 0, 1
    FROM generate_series(1, $4::int) AS n, generate_series(0, $5::int * 24 - 1) AS h,
    LATERAL (SELECT 64 + (hashtext(n || '-' || h) % 4)) AS x (v)"""


@dataclass
class Cost:
    """What letters of one kind took."""

    milliseconds: list[float] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)

    def line(self, kind: str) -> str:
        """Return it for people."""
        each, asked = statistics.median(self.milliseconds), statistics.median(self.statements)
        return (
            f"{kind:>16}{len(self.statements):>9}{each:>12.0f}{max(self.milliseconds):>12.0f}{asked:>14,.0f}"
        )


async def measure(database: Database, count: int) -> tuple[Cost, Cost]:
    """Return what the letters of hours cost, and those of days."""
    made = await world.build(database)
    async with database.superuser() as connection:
        await _fill(connection, made, count)
    hours, days = Cost(), Cost()
    nothing: Any = None
    detect, place = Detect(nothing, nothing, None, webhook=False), made.places["a1"]
    connection = await asyncpg.connect(database.worker_url)
    asked: list[Any] = []
    connection.add_query_logger(asked.append)

    async def letter(cost: Cost, news: News) -> None:
        asked.clear()
        began = time.perf_counter()
        async with connection.transaction():
            await detect._examine(connection, place.org, place.project, news)  # noqa: SLF001  # all but Kafka
        cost.milliseconds.append((time.perf_counter() - began) * 1000)
        cost.statements.append(len(asked))

    await letter(Cost(), News((TODAY - timedelta(days=3)).date()))
    for ago in (2, 1):
        async with database.superuser() as mighty:
            await mighty.execute(_CLOCK, (TODAY - timedelta(days=ago + 1)).date())
        day = TODAY - timedelta(days=ago)
        for hour in range(0, 24, EVERY):
            await letter(hours, News(None, day + timedelta(hours=hour)))
        await letter(days, News(day.date()))
    await connection.close()
    return hours, days


async def _fill(connection: asyncpg.Connection, made: World, count: int) -> None:
    place, first = made.places["a1"], TODAY - timedelta(days=DAYS)
    months = {month_of((TODAY - timedelta(days=ago)).timestamp()) for ago in range(DAYS + 2)}
    await partitions.make(connection, months)
    for table in (
        "telemetry",
        "detector_state",
        "report_event",
        "cascade_analysis",
        "divergence_report",
        "assumption",
    ):
        await connection.execute(f"DELETE FROM {table}")  # noqa: S608  # the names are ours
    await connection.execute("UPDATE project_watermark SET first_event = $1", first)
    await connection.execute(_CLOCK, first.date())
    await connection.execute(_ASSUMPTIONS, place.org, place.project, place.artifact, first, count)
    await connection.execute(_TELEMETRY, place.org, place.project, first, count, DAYS)
    await connection.execute("ANALYZE")


async def _on(database: Database, count: int, home: Path) -> tuple[Cost, Cost]:
    await databases.migrated(database, home)
    return await measure(database, count)


@contextmanager
def _server() -> Iterator[str]:
    """Yield the URL of the superuser of an embedded PostgreSQL, or of the one that tests use."""
    if named := os.environ.get("TEST_DATABASE_SUPERUSER_URL"):
        yield named
        return
    with tempfile.TemporaryDirectory() as directory:
        layout = Layout(Path(directory))
        supervisor = control.launch(layout, ["postgres"], os.getpid())
        try:
            control.wait_until_running(layout, supervisor, lambda _: None)
            memory = json.loads((layout.root / "memory.json").read_text())
            secret, port = memory["superuser_password"], memory["postgres_port"]
            yield f"postgresql://postgres:{secret}@127.0.0.1:{port}/postgres"
        finally:
            control.bring_down(layout)
            supervisor.wait(30)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assumptions", type=int, default=300)
    given = parser.parse_args()
    with _server() as url, tempfile.TemporaryDirectory() as home:
        database = databases.prepare(url)
        try:
            hours, days = asyncio.run(_on(database, given.assumptions, Path(home)))
        finally:
            asyncio.run(databases.drop(database))
            asyncio.run(databases.remove_logins(database))
    print(f"{given.assumptions} assumptions of one project, {DAYS} days known")
    print(f"{'a letter of':>16}{'letters':>9}{'median ms':>12}{'most ms':>12}{'statements':>14}")
    print(hours.line("an hour"))
    print(days.line("a day"))


if __name__ == "__main__":
    main()
