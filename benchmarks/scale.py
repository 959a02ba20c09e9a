"""Telemetry at 20 million rows beside 200,000: `make bench-scale`.

The rows are made inside PostgreSQL: a year of them, 18 an hour for each of as many projects as it takes, each
of an organisation of its own. Then our own functions close hours and read pages. Their plans come from
auto_explain, in the roles and under the row-level security of production. Refuses to start without the disk.
"""

import argparse
import asyncio
import math
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import event

from benchmarks import tenancy
from benchmarks.tenancy_data import SCRIPT, Tenant, some
from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.names import Metric
from metrics.users import UserSet
from storage import closing
from storage.closing import Closable, HourCell
from storage.database import engine
from storage.reading import telemetry
from storage.reading.pages import Slice
from storage.reading.telemetry import Wanted
from storage.secrets import claims_signature
from storage.tenancy import Claims, TenantSessions
from tests import databases
from tests.databases import SECRET, Database

SERIES, YEAR = 18, 365 * 24
BYTES = 1_500
"""Of disk a row while it is made: heap, two indexes, write-ahead log, sorting."""
ROOM = 4 << 30
LEAST = 1_000
"""Rows below which a scan of a partition is right."""
COHORTS = ("early_adopter", "mainstream", "enterprise")
FILL = Path(__file__).with_suffix(".sql")
LATENCY = LatencyBuckets.of([50 * 1.02 ** (n * 7919 % 100) for n in range(500)])
USERS = UserSet.of([f"user-{n}" for n in range(20)], b"benchmark")
EXPLAINED = (
    *(
        "LOAD 'auto_explain'",
        "SET auto_explain.log_min_duration = 0",
        "SET auto_explain.log_level = 'notice'",
    ),
    *("SET auto_explain.log_format = 'json'", "SET client_min_messages = 'notice'"),
)
SCAN = re.compile(r'"Node Type": "(?:Parallel )?Seq Scan"[^{}]*?"Relation Name": "(\w+)"')
Work = Callable[[asyncpg.Connection, Tenant], Awaitable[None]]


@dataclass(frozen=True)
class Found:
    """Of one path: milliseconds (median), and the partitions of some size that it scanned."""

    p50: float
    scans: tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    rows: int
    newest: datetime

    @property
    def hours(self) -> int:
        return math.ceil(self.rows / (SERIES * self.projects))

    @property
    def projects(self) -> int:
        return math.ceil(self.rows / (SERIES * YEAR))


def enough_disk(folder: Path, rows: int) -> None:
    need, free = rows * BYTES + ROOM, shutil.disk_usage(folder).free
    if free < need:
        sys.exit(f"{rows:,} rows need {need / 2**30:.1f} GiB at {folder}; {free / 2**30:.1f} GiB are free")


def months(scale: Scale) -> list[datetime]:
    """The first moments of the months that have rows."""
    month = (scale.newest - timedelta(hours=scale.hours - 1)).replace(day=1, hour=0)
    found = []
    while month <= scale.newest:
        found.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return found


async def fill(connection: asyncpg.Connection, scale: Scale) -> float:
    """Make organisations, projects and rows; return the seconds of the rows."""
    for name, size in {"organizations": scale.projects, "hours": 0, "reports": 0}.items():
        await connection.execute("SELECT set_config('bench.' || $1, $2, false)", name, str(size))
    await connection.execute(SCRIPT.read_text())
    await connection.execute("SET session_replication_role = replica")
    began, statement = time.monotonic(), FILL.read_text()
    for month in months(scale):
        await connection.execute(
            statement, scale.hours, scale.newest, month, LATENCY.to_bytes(), USERS.to_bytes(), timeout=3600
        )
    await connection.execute("RESET session_replication_role")
    seconds = time.monotonic() - began
    await connection.execute("VACUUM (ANALYZE)", timeout=3600)
    return seconds


def cells(hour: datetime) -> list[HourCell]:
    counted = {
        Metric.LATENCY_P50: Cell(samples=500, latency=LATENCY),
        Metric.RETENTION: Cell(samples=500, users=USERS, positive=USERS),
        Metric.USER_ADOPTION: Cell(samples=500, users=USERS, positive=USERS),
        Metric.FEATURE_USAGE: Cell(value_micro=50_000_000, samples=500),
    }
    rate = Cell(value_micro=50_000_000, of_micro=100_000_000, samples=500)
    return [
        HourCell(hour, metric, cohort, "F12", counted.get(metric, rate))
        for metric in Metric
        for cohort in COHORTS
    ]


def close(hours_ago: Callable[[], float], newest: datetime) -> Work:
    """Write all series of an hour of a project, and mark what became final, as a closer does."""

    async def work(connection: asyncpg.Connection, tenant: Tenant) -> None:
        hour = newest - timedelta(hours=hours_ago())
        project = Closable(tenant.org, tenant.project, hour, hour, hour)
        final = hour - timedelta(days=7)
        async with connection.transaction():
            written = await closing.write_telemetry(connection, project, cells(hour), final)
            await closing.mark_final(connection, project, final - timedelta(hours=1), final)
        assert written == SERIES

    return work


def read(statement: str, given: tuple[Any, ...], model: Tenant) -> Work:
    """Send a statement of the API as it was sent for `model`, for somebody else."""

    async def work(connection: asyncpg.Connection, tenant: Tenant) -> None:
        mine = {model.org: tenant.org, model.project: tenant.project}
        claims = Claims(tenant.user, tenant.org).text(time.time() + 60)
        async with connection.transaction(readonly=True):
            await connection.execute(tenancy._CLAIMS, claims, claims_signature(SECRET, claims))  # noqa: SLF001
            assert await connection.fetch(statement, *(mine.get(value, value) for value in given))

    return work


def pages(newest: datetime, hours: int) -> dict[str, tuple[Wanted, tuple[object, ...] | None]]:
    """What is asked for: which hours, beyond which row."""
    metric, middle = "user_adoption", newest - timedelta(hours=hours // 2)
    week = Wanted(metric, "mainstream", "F12", middle, middle + timedelta(days=7))
    return {
        "first page": (Wanted(), None),
        "first page of a metric": (Wanted(metric), None),
        "page half a year back": (Wanted(), (middle, metric, "mainstream", "F12")),
        "the same of a metric": (Wanted(metric), (middle, metric, "mainstream", "F12")),
        "a week of a series": (week, None),
    }


async def reads(database: Database, tenant: Tenant, newest: datetime, hours: int) -> dict[str, Work]:
    """Return what the API's own function sends for each page."""
    api, sent = engine(database.api_url), list[tuple[str, tuple[Any, ...]]]()
    event.listen(api.sync_engine, "before_cursor_execute", lambda *args: sent.append((args[2], args[3])))
    found = {}
    for name, (wanted, after) in pages(newest, hours).items():
        async with TenantSessions(api, SECRET).open(Claims(tenant.user, tenant.org)) as session:
            part = Slice(telemetry.ORDERS["timestamp"], falling=True, after=after, limit=50)
            await telemetry.listed(session, tenant.org, tenant.project, wanted, part)
            found[f"API: {name}"] = read(*sent[-1], tenant)
    await api.dispose()
    return found


@asynccontextmanager
async def explained(superuser: str, login: str) -> AsyncIterator[tuple[asyncpg.Connection, list[str]]]:
    """Yield a connection with the rights of `login`, and the plans of what it runs."""
    connection, plans = await asyncpg.connect(superuser), list[str]()
    for statement in EXPLAINED:
        await connection.execute(statement)
    await connection.execute(f'SET SESSION AUTHORIZATION "{login}"')
    connection.add_log_listener(lambda _, message: plans.append(message.message))
    yield connection, plans
    await connection.close()


async def measured(
    database: Database, login_url: str, work: Work, tenants: list[Tenant], rounds: int
) -> Found:
    login, chance = urlsplit(login_url).username or "", random.Random(4)
    async with explained(database.superuser_url, login) as (connection, plans):
        await work(connection, tenants[0])
        scanned = {name for plan in plans for name in SCAN.findall(plan)}
        assert any("telemetry" in plan for plan in plans), "auto_explain said nothing"
    seconds = []
    connection = await asyncpg.connect(login_url)
    for turn in range(rounds + 10):
        tenant, began = chance.choice(tenants), time.perf_counter()
        await work(connection, tenant)
        if turn >= 10:
            seconds.append(time.perf_counter() - began)
    large = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relname = ANY ($1) AND relispartition AND reltuples >= $2",
        list(scanned),
        LEAST,
    )
    await connection.close()
    return Found(statistics.median(seconds) * 1000, tuple(sorted(row[0] for row in large)))


async def sizes(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """Return heap and indexes of the largest month."""
    return await connection.fetch(
        """WITH month AS (SELECT inhrelid AS id FROM pg_inherits WHERE inhparent = 'telemetry'::regclass
                          ORDER BY pg_relation_size(inhrelid) DESC LIMIT 1),
           parts AS (SELECT id AS part, id FROM month UNION ALL
                     SELECT i.indexrelid, m.id FROM month m JOIN pg_index i ON i.indrelid = m.id)
           SELECT part::regclass::text AS name, pg_relation_size(part) AS bytes,
                  pg_table_size(id) - pg_relation_size(id) AS beside,
                  (SELECT reltuples FROM pg_class WHERE oid = id)::bigint AS rows
           FROM parts ORDER BY part <> id, 2 DESC"""
    )


def show_sizes(scale: Scale, found: list[asyncpg.Record], seconds: float, total: int) -> None:
    print(
        f"\n{scale.rows:,} rows: {scale.projects} projects, {len(months(scale))} months, written in"
        f" {seconds:.0f} s, {total / 2**20:,.0f} MiB with indexes"
    )
    for row in found:
        each = row["bytes"] / row["rows"]
        print(f"  {row['name']:64}{row['bytes'] / 2**20:>10.1f} MiB{each:>8.0f} B a row")
    print(f"  {'beside the heap: TOAST, maps':64}{found[0]['beside'] / 2**20:>10.1f} MiB")


async def at(database: Database, home: Path, scale: Scale, rounds: int) -> dict[str, Found]:
    await databases.migrated(database, home)
    async with tenancy.connected(database.superuser_url) as superuser:
        enough_disk(Path(await superuser.fetchval("SHOW data_directory")), scale.rows)
        seconds = await fill(superuser, scale)
        total = await superuser.fetchval(
            "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits"
            " WHERE inhparent = 'telemetry'::regclass"
        )
        show_sizes(scale, await sizes(superuser), seconds, total)
    tenants = some(scale.projects, 50)
    ahead, chance = iter(range(1, 1_000_000)), random.Random(4)
    works = {
        "close: a new hour": (close(lambda: -next(ahead) % 24 - 24, scale.newest), database.worker_url),
        "close: a revision, this week": (
            close(lambda: chance.randrange(min(168, scale.hours)), scale.newest),
            database.worker_url,
        ),
    }
    for name, work in (await reads(database, tenants[0], scale.newest, scale.hours)).items():
        works[name] = (work, database.api_url)
    return {name: await measured(database, url, work, tenants, rounds) for name, (work, url) in works.items()}


def main(few: int, many: int, rounds: int) -> bool:
    """Return whether no path scans a partition at `many` rows."""
    newest = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    found = []
    with tenancy.postgres() as superuser_url:
        for rows in (few, many):
            database = databases.prepare(superuser_url)
            with tempfile.TemporaryDirectory() as home:
                found.append(asyncio.run(at(database, Path(home), Scale(rows, newest), rounds)))
            asyncio.run(databases.drop(database))
    print(f"\n{'median, ms':34}{few:>12,}{many:>12,}{'ratio':>8}  partitions scanned whole")
    for name, less in found[0].items():
        more = found[1][name]
        scans = f"{', '.join(less.scans) or 'none'}; {', '.join(more.scans) or 'none'}"
        print(f"{name:34}{less.p50:>12.2f}{more.p50:>12.2f}{more.p50 / less.p50:>8.2f}  {scans}")
    return not any(each.scans for each in found[1].values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--few", type=int, default=200_000, help="rows to compare with")
    parser.add_argument("--rounds", type=int, default=300, help="times that each path is taken")
    given = parser.parse_args()
    if not main(given.few, given.rows, given.rounds):
        sys.exit("a path scans a partition whole")
