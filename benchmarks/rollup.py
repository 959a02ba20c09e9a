"""What rolling up a million executions takes, and then nothing, one that comes late, and a new time zone.

In a database of its own, as in production: row-level security forced, and the worker's login. All are one
organisation's: its costs are one transaction.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import psutil

from benchmarks.tenancy import connected, postgres
from storage.database import worker_pool
from streams.costs import roll_up
from tests import databases
from tests.databases import Database

UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
PHASES = ("DISCOVER", "DEFINE", "DESIGN", "DEVELOP", "DEPLOY")
MODELS = ("gpt-4", "claude-3-sonnet", "claude-3-haiku", "gpt-4o-mini")
COLUMNS = (
    *("org_id", "id", "project_id", "agent_id", "phase", "status", "started_at", "completed_at", "seen_at"),
    *("tokens_input", "tokens_output", "cost_usd", "model_used", "error_message", "queued_by", "claimed_by"),
    *("input_per_million", "output_per_million"),
)
LATE = """UPDATE agent_execution SET tokens_input = tokens_input + 1000, cost_usd = cost_usd + 0.03
          WHERE id = (SELECT id FROM agent_execution ORDER BY completed_at LIMIT 1)"""


async def founded(superuser: asyncpg.Connection, projects: int) -> tuple[UUID, UUID, list[UUID]]:
    """Return an organisation, a person, and projects of it."""
    org, person, workspace = uuid4(), uuid4(), uuid4()
    listed = [uuid4() for _ in range(projects)]
    await superuser.execute(
        """INSERT INTO organization (id, name, slug, timezone, subscription_tier)
           VALUES ($1, 'Bench', 'bench', 'Europe/Vienna', 'ENTERPRISE')""",
        org,
    )
    await superuser.execute(
        "INSERT INTO app_user (id, email, full_name) VALUES ($1, 'b@b.bench', 'Ben')", person
    )
    await superuser.execute(
        "INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $2, 'Team', $3)",
        org,
        workspace,
        person,
    )
    await superuser.executemany(
        """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
           VALUES ($1, $2, $3, 'Project ' || $4::text, 'It takes too long to pay.', $5)""",
        [(org, project, workspace, str(number), person) for number, project in enumerate(listed)],
    )
    return org, person, listed


async def lines(
    count: int, days: int, models: int, org: UUID, person: UUID, projects: list[UUID]
) -> AsyncIterator[bytes]:
    """Yield executions that ended within `days` before `UNTIL`, in COPY's text format."""
    chance = random.Random(14)
    for number in range(count):
        ended = (UNTIL - timedelta(seconds=chance.random() * days * 86_400)).isoformat()
        agent, status = chance.randint(1, 26), "FAILED" if number % 10 == 0 else "SUCCESS"
        given, made = chance.randint(100, 20_000), chance.randint(10, 4_000)
        micros = given * 30 + made * 60
        model = MODELS[(agent + number % models) % len(MODELS)]
        yield (
            f"{org}\t{chance.getrandbits(128):032x}\t{chance.choice(projects)}\t{agent}\t{PHASES[agent % 5]}"
            f"\t{status}\t{ended}\t{ended}\t{ended}\t{given}\t{made}\t{micros // 10**6}.{micros % 10**6:06}"
            f"\t{model}\t{'x' if status == 'FAILED' else chr(92) + 'N'}\t{person}\t{person}\t30\t60\n"
        ).encode()


async def fill(superuser: asyncpg.Connection, count: int, days: int, models: int, projects: int) -> float:
    """Copy executions in that have ended already, past the guards of steps; return the seconds it took."""
    org, person, listed = await founded(superuser, projects)
    await superuser.execute(
        """ALTER TABLE agent_execution DISABLE TRIGGER ALL;
           ALTER TABLE agent_execution ENABLE TRIGGER mark_costs_insert;
           ALTER TABLE agent_execution ENABLE TRIGGER mark_costs_update"""
    )
    began = time.perf_counter()
    source = lines(count, days, models, org, person, listed)
    await superuser.copy_to_table("agent_execution", source=source, columns=COLUMNS)
    await superuser.execute("ANALYZE agent_execution")
    return time.perf_counter() - began


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[tuple[asyncpg.Pool, psutil.Process]]:
    """Yield the worker's pool of one connection, and the server's process behind it."""
    pool = await worker_pool(database.worker_url, name="bench", size=1)
    try:
        yield pool, psutil.Process(await pool.fetchval("SELECT pg_backend_pid()"))
    finally:
        await pool.close()


async def timed(pool: asyncpg.Pool, server: psutil.Process, database: Database, what: str) -> None:
    cpu, began = sum(server.cpu_times()[:2]), time.perf_counter()
    await roll_up(pool, database.settings(Path()), datetime.now(UTC))
    took, cpu = time.perf_counter() - began, sum(server.cpu_times()[:2]) - cpu
    print(f"  {what:32}{took:8.2f} s {cpu:8.2f} s of CPU", flush=True)


async def measure(database: Database, home: Path, given: argparse.Namespace) -> None:
    await databases.migrated(database, home)
    async with connected(database.superuser_url) as superuser, alone(database) as (pool, server):
        seconds = await fill(superuser, given.executions, given.days, given.models, given.projects)
        print(f"{given.executions:,} executions of {given.days} days copied in, {seconds:.0f} s", flush=True)
        await timed(pool, server, database, "all of them")
        await timed(pool, server, database, "again: nothing has changed")
        await superuser.execute(LATE)
        await timed(pool, server, database, "one that is corrected")
        await superuser.execute("UPDATE organization SET timezone = 'America/St_Johns'")
        await timed(pool, server, database, "another time zone")
        await show(superuser)


async def show(superuser: asyncpg.Connection) -> None:
    """Say how many rows there are, and check that each kind adds up to the executions."""
    whole = await superuser.fetchrow(
        "SELECT sum(tokens_input::bigint + tokens_output), sum(cost_usd), count(*) FROM agent_execution"
    )
    for kind, rows, *sums in await superuser.fetch(
        """SELECT aggregated_at, count(*), sum(tokens_used), sum(cost_usd), sum(executions)
           FROM cost_tracking GROUP BY aggregated_at ORDER BY 2 DESC"""
    ):
        assert sums == list(whole or ()), (kind, whole, sums)
        print(f"  {rows:,} {kind} rows, {sums[1]:f} USD", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--projects", type=int, default=20)
    parser.add_argument("--models", type=int, default=1, help="models that an agent is run with")
    given = parser.parse_args()
    with postgres() as superuser_url, tempfile.TemporaryDirectory() as home:
        asyncio.run(measure(databases.prepare(superuser_url), Path(home), given))


if __name__ == "__main__":
    main()
