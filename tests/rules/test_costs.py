"""DataModel.md 14: costs are those of the executions, whatever came when and whoever rolled up (ADR 0020)."""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from storage import costs
from storage.database import worker_pool
from streams.costs import roll_up
from tests.databases import Database
from tests.runs import AWAY, DONE, queue
from tests.teams import Team, gathered
from tests.tenancy.asking import DENIED, asking, changed

# Half hours, half-hour shifts, a midnight that comes twice.
ZONES = ("Europe/Vienna", "America/St_Johns", "Australia/Lord_Howe", "America/Havana")
TURNS = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 5, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2026, 12, 27, 23, tzinfo=UTC),
)
MODELS = ("gpt-4", "claude-3-sonnet", "a/b")
PHASES = ("DISCOVER", "DEFINE", "DESIGN", "DEVELOP", "DEPLOY")
ROWS = """SELECT id, project_id, agent_id, phase, model_used, aggregated_at, period_start, tokens_used,
                 cost_usd, executions FROM cost_tracking WHERE org_id = $1 ORDER BY id"""
PLACES = "SELECT id, ctid::text, xmin::text, updated_at FROM cost_tracking WHERE org_id = $1 ORDER BY id"
COLUMNS = (
    *("org_id", "id", "project_id", "agent_id", "phase", "status", "completed_at"),
    *("tokens_input", "tokens_output", "input_per_million", "output_per_million", "model_used", "queued_by"),
)


@dataclass(frozen=True)
class Run:
    """An execution that has ended; the fields are columns."""

    org_id: UUID
    id: UUID
    project_id: UUID
    agent_id: int
    phase: str
    status: str
    completed_at: datetime
    tokens_input: int
    tokens_output: int
    input_per_million: Decimal
    output_per_million: Decimal
    model_used: str
    queued_by: UUID

    @property
    def cost(self) -> Decimal:
        priced = self.tokens_input * self.input_per_million + self.tokens_output * self.output_per_million
        return priced / 1_000_000


def drawn(chance: random.Random, team: Team, projects: list[UUID]) -> Run:
    spread = timedelta(seconds=chance.choice([0, 1, 1800, 3600, 86_400, 40 * 86_400]) * chance.uniform(-1, 1))
    used = chance.random() < 0.9
    return Run(
        team.org,
        uuid4(),
        chance.choice(projects),
        chance.randint(1, 3),
        chance.choice(PHASES),
        chance.choice(["SUCCESS", "FAILED", "RETRIED"]),
        chance.choice(TURNS) + spread,
        chance.randint(1, 2**31 - 1) if used else 0,
        chance.randint(0, 5000) if used else 0,
        Decimal(chance.randint(0, 60_000_000)) / 1_000_000,
        Decimal(chance.randint(0, 60_000_000)) / 1_000_000,
        chance.choice(MODELS),
        team.people["ann"],
    )


@asynccontextmanager
async def history(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Yield a superuser's transaction that writes what the steps of an execution would not let it write."""
    async with database.superuser() as connection, connection.transaction():
        await connection.execute(
            """ALTER TABLE agent_execution DISABLE TRIGGER USER;
               ALTER TABLE agent_execution ENABLE TRIGGER mark_costs_insert;
               ALTER TABLE agent_execution ENABLE TRIGGER mark_costs_update;
               ALTER TABLE agent_execution ENABLE TRIGGER mark_costs_delete"""
        )
        yield connection
        await connection.execute("ALTER TABLE agent_execution ENABLE TRIGGER USER")


async def put(connection: asyncpg.Connection, runs: Iterable[Run]) -> None:
    """Write executions, in the place of those with their ids."""
    rows = list(runs)
    await connection.execute("DELETE FROM agent_execution WHERE id = ANY ($1)", [run.id for run in rows])
    names = ", ".join(COLUMNS)
    await connection.executemany(
        f"""INSERT INTO agent_execution ({names}, cost_usd, error_message, started_at, seen_at, claimed_by)
            VALUES ({", ".join(f"${number}" for number in range(1, len(COLUMNS) + 1))},
                    ($8::int * $10::numeric + $9::int * $11::numeric) * 0.000001,
                    CASE $6::text WHEN 'SUCCESS' THEN NULL ELSE 'x' END, $7, $7, $13)""",
        [astuple(run) for run in rows],
    )


def expected(runs: Iterable[Run], zone: str) -> dict[tuple[Any, ...], tuple[int, Decimal, int]]:
    """What must stand there, by key: computed from the executions, in Python."""
    found: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        day = run.completed_at.astimezone(ZoneInfo(zone)).date()
        for kind, start in _starts(day):
            if run.tokens_input or run.tokens_output or run.cost:
                found[run.project_id, run.agent_id, run.phase, run.model_used, kind, start].append(run)
    return {
        key: (
            sum(run.tokens_input + run.tokens_output for run in group),
            sum((run.cost for run in group), Decimal()),
            len(group),
        )
        for key, group in found.items()
    }


def _starts(day: date) -> Iterator[tuple[str, date]]:
    yield "daily", day
    yield "weekly", day - timedelta(days=day.weekday())
    yield "monthly", day.replace(day=1)


@asynccontextmanager
async def worker(database: Database, size: int = 2) -> AsyncIterator[asyncpg.Pool]:
    pool = await worker_pool(database.worker_url, name="costs", size=size)
    try:
        yield pool
    finally:
        await pool.close()


@pytest.fixture
async def pool(shared: Database) -> AsyncIterator[asyncpg.Pool]:
    async with worker(shared) as pool:
        yield pool


async def rolled(pool: asyncpg.Pool, database: Database) -> None:
    await roll_up(pool, database.settings(Path("unused")), datetime.now(UTC))


async def stands(team: Team) -> dict[tuple[Any, ...], tuple[int, Decimal, int]]:
    return {tuple(row[1:7]): tuple(row[7:]) for row in await team.fetch(ROWS, team.org)}


async def gather_team(database: Database, zone: str = "UTC") -> tuple[Team, list[UUID]]:
    """Return a team with two projects, in a time zone."""
    team = await gathered(database, ann="ADMIN")
    other = uuid4()
    await team.fetch(
        """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
           SELECT org_id, $2, workspace_id, 'Another', problem_statement, created_by
           FROM project WHERE org_id = $1""",
        team.org,
        other,
    )
    await team.fetch("UPDATE organization SET timezone = $2 WHERE id = $1", team.org, zone)
    return team, [team.project, other]


@pytest.mark.parametrize("zone", ZONES)
async def test_costs_are_those_of_the_executions_whatever_came_when(
    shared: Database, pool: asyncpg.Pool, zone: str
):
    chance = random.Random(zone)
    team, projects = await gather_team(shared, chance.choice(ZONES))
    runs = [drawn(chance, team, projects) for _ in range(150)]
    late = [replace(drawn(chance, team, projects), id=run.id) for run in chance.sample(runs, 40)]
    gone = {run.id for run in chance.sample(runs, 15)}
    arrivals = [*runs, *late]
    for start in range(0, len(arrivals), 25):
        async with history(shared) as connection:
            await put(connection, arrivals[start : start + 25])
        if start == 100:
            await team.fetch("UPDATE organization SET timezone = $2 WHERE id = $1", team.org, zone)
        if chance.random() < 0.6:
            await rolled(pool, shared)
    async with history(shared) as connection:
        await connection.execute("DELETE FROM agent_execution WHERE id = ANY ($1)", list(gone))
    await rolled(pool, shared)
    final = {run.id: run for run in arrivals if run.id not in gone}
    assert await stands(team) == expected(final.values(), zone)
    assert await sums(team) == {
        kind: (
            sum(run.tokens_input + run.tokens_output for run in final.values()),
            sum((run.cost for run in final.values()), Decimal()),
        )
        for kind in ("daily", "weekly", "monthly")
    }
    await _stays(team, pool)


async def sums(team: Team) -> dict[str, tuple[int, Decimal]]:
    query = """SELECT aggregated_at, sum(tokens_used)::bigint, sum(cost_usd) FROM cost_tracking
               WHERE org_id = $1 GROUP BY aggregated_at"""
    return {kind: (tokens, cost) for kind, tokens, cost in await team.fetch(query, team.org)}


async def _stays(team: Team, pool: asyncpg.Pool) -> None:
    """Rolled up again, and from nothing, the rows are the same; unchanged ones are not written again."""
    rows, places = await team.fetch(ROWS, team.org), await team.fetch(PLACES, team.org)
    await rolled(pool, team.database)
    await team.fetch("INSERT INTO cost_pending (org_id) VALUES ($1)", team.org)
    await rolled(pool, team.database)
    assert await team.fetch(PLACES, team.org) == places
    await team.fetch("DELETE FROM cost_tracking WHERE org_id = $1", team.org)
    await team.fetch("INSERT INTO cost_pending (org_id) VALUES ($1)", team.org)
    await rolled(pool, team.database)
    assert await team.fetch(ROWS, team.org) == rows
    assert await team.fetch("SELECT 1 FROM cost_pending WHERE org_id = $1", team.org) == []


async def test_what_is_queued_and_ended_by_the_rules_is_counted(shared: Database, pool: asyncpg.Pool):
    async with queue(shared) as runs:
        for outcome in (DONE, AWAY):
            await runs.add()
            execution = await runs.claim()
            assert execution is not None
            await runs.end(execution, outcome)
        assert execution is not None
        await runs.retry(execution)
        assert await runs.claim() is not None
        await rolled(pool, shared)
        found = await runs.team.fetch(
            "SELECT DISTINCT tokens_used, cost_usd, executions FROM cost_tracking WHERE org_id = $1",
            runs.team.org,
        )
    # gpt-4: 30 and 60 dollars a million.
    assert found == [(1510, Decimal("0.0603"), 2)]


async def test_marks_come_with_the_change_and_go_with_it(shared: Database):
    team, projects = await gather_team(shared)
    run = drawn(random.Random(1), team, projects)
    query = "SELECT project_id, day FROM cost_pending WHERE org_id = $1 AND day IS NOT NULL ORDER BY id"
    async with shared.superuser() as connection:
        undone = connection.transaction()
        await undone.start()
        await connection.execute("ALTER TABLE agent_execution DISABLE TRIGGER queue_execution")
        await put(connection, [run])
        marked = [tuple(row) for row in await connection.fetch(query, team.org)]
        await undone.rollback()
    assert marked == [(run.project_id, run.completed_at.date())]
    assert await team.fetch(query, team.org) == []


async def test_one_that_commits_while_its_day_is_rolled_up_is_not_lost(shared: Database, pool: asyncpg.Pool):
    team, projects = await gather_team(shared)
    chance = random.Random(2)
    first = drawn(chance, team, projects)
    second = replace(first, id=uuid4())
    async with shared.superuser() as open_, open_.transaction():
        await open_.execute("SET LOCAL session_replication_role = replica")
        await put(open_, [second])
        await open_.execute("SET LOCAL session_replication_role = origin")
        # As the trigger does: in the transaction of the change.
        await open_.execute(
            "INSERT INTO cost_pending (org_id, project_id, day) VALUES ($1, $2, $3)",
            team.org,
            second.project_id,
            second.completed_at.date(),
        )
        async with shared.superuser() as other, other.transaction():
            await other.execute("SET LOCAL session_replication_role = replica")
            await put(other, [first])
            await other.execute("INSERT INTO cost_pending (org_id) VALUES ($1)", team.org)
        await rolled(pool, shared)
        assert await stands(team) == expected([first], "UTC")
    await rolled(pool, shared)
    assert await stands(team) == expected([first, second], "UTC")


async def test_two_workers_at_once_take_turns(shared: Database, pool: asyncpg.Pool):
    team, projects = await gather_team(shared)
    chance = random.Random(3)
    runs = [drawn(chance, team, projects) for _ in range(60)]
    async with history(shared) as connection:
        await put(connection, runs)
    async with worker(shared) as another:
        async with pool.acquire() as one, one.transaction():
            assert await costs.roll_up(one, team.org)
            async with another.acquire() as two, two.transaction():
                assert not await costs.roll_up(two, team.org), "somebody is at it"
        await team.fetch("INSERT INTO cost_pending (org_id) VALUES ($1)", team.org)
        await asyncio.gather(*(rolled(each, shared) for each in (pool, another, pool, another)))
    assert await stands(team) == expected(runs, "UTC")


async def test_killed_in_the_middle_loses_nothing(shared: Database, pool: asyncpg.Pool):
    team, projects = await gather_team(shared)
    runs = [drawn(random.Random(4), team, projects)]
    async with history(shared) as connection:
        await put(connection, runs)
    async with worker(shared, 1) as doomed:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await _killed(doomed, team)
    assert await stands(team) == {}
    await rolled(pool, shared)
    assert await stands(team) == expected(runs, "UTC")


async def _killed(pool: asyncpg.Pool, team: Team) -> None:
    """Roll up, and lose the connection before the commit."""
    async with pool.acquire() as doomed, doomed.transaction():
        await costs.roll_up(doomed, team.org)
        await team.fetch("SELECT pg_terminate_backend($1)", doomed.get_server_pid())
        await doomed.fetch("SELECT 1")


async def test_one_that_fails_holds_up_no_other(
    shared: Database, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
):
    teams = [await gather_team(shared) for _ in range(2)]
    runs = [drawn(random.Random(5), team, projects) for team, projects in teams]
    async with history(shared) as connection:
        await put(connection, runs)
    (broken, _), (sound, _) = teams
    await broken.fetch("UPDATE organization SET timezone = 'No/Where' WHERE id = $1", broken.org)
    with caplog.at_level(logging.WARNING):
        await rolled(pool, shared)
    assert str(broken.org) in caplog.text
    assert await stands(sound) == expected(runs[1:], "UTC")
    assert await stands(broken) == {}
    await broken.fetch("UPDATE organization SET timezone = 'UTC' WHERE id = $1", broken.org)
    await rolled(pool, shared)
    assert await stands(broken) == expected(runs[:1], "UTC")


async def test_marks_of_an_organisation_that_is_gone_go(shared: Database, pool: asyncpg.Pool):
    team = await gathered(shared, ann="ADMIN")
    nobody = uuid4()
    await team.fetch("INSERT INTO cost_pending (org_id, day) VALUES ($1, '2026-11-01')", nobody)
    await rolled(pool, shared)
    assert await team.fetch("SELECT 1 FROM cost_pending WHERE org_id = $1", nobody) == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO cost_tracking SELECT * FROM cost_tracking",
        "UPDATE cost_tracking SET cost_usd = 0",
        "DELETE FROM cost_tracking",
        "INSERT INTO cost_pending (org_id) SELECT org_id FROM cost_pending",
        "UPDATE cost_pending SET day = NULL",
        "DELETE FROM cost_pending",
        "TRUNCATE cost_pending",
    ],
)
async def test_only_the_worker_writes(shared: Database, pool: asyncpg.Pool, statement: str):
    team, projects = await gather_team(shared)
    async with history(shared) as connection:
        await put(connection, [drawn(random.Random(6), team, projects)])
    async with asking(shared, team.claims("ann")) as session:
        assert await changed(session, "SELECT 1 FROM cost_pending") > 0, "what a member sees"
        assert await changed(session, statement) == -1
    await rolled(pool, shared)
    async with asking(shared, team.claims("ann")) as session:
        assert await changed(session, "SELECT 1 FROM cost_tracking") > 0


async def test_the_messenger_that_marks_sees_nothing(shared: Database):
    async with shared.superuser() as connection:
        await connection.execute("SET ROLE augentis_messenger")
        for table in ("cost_pending", "cost_tracking", "agent_execution"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
                await connection.execute(f"SELECT 1 FROM {table}")
            assert refused.value.sqlstate == DENIED
