"""Months of tables: moved without loss, made by whoever needs them, dropped whole, hidden."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from migrations.run import downgrade, migrate_database
from storage.partitions import BY_MONTH, SAMPLED
from tests.databases import Database

HOURS = (
    datetime(2023, 1, 31, 23, tzinfo=UTC),
    datetime(2023, 2, 1, tzinfo=UTC),
    datetime(2026, 11, 30, 23, tzinfo=UTC),
)
TABLES = ["partial", "telemetry"]
ENSURE = "SELECT ensure_partitions($1, $2)"
DROP = "SELECT drop_partitions($1, $2, $3)"
WHOLE = "SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1"
PARTS = """SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhparent
           WHERE c.relkind = 'p' AND c.relname <> 'batch_seen' ORDER BY 1"""


@asynccontextmanager
async def login(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def fill(database: Database, hours: Sequence[datetime]) -> tuple[UUID, UUID]:
    """Make an organisation with a project, and a row of each table for each hour, past row security."""
    org, user, project = uuid4(), uuid4(), uuid4()
    async with database.superuser() as connection:
        await connection.execute(
            "INSERT INTO organization (id, name, slug) VALUES ($1, 'Acme', 'a-' || $1::uuid)", org
        )
        await connection.execute(
            "INSERT INTO app_user (id, email, full_name) VALUES ($1, $1::uuid || '@people.example', 'Ann')",
            user,
        )
        await connection.execute(
            "INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $1, 'Team', $2)", org, user
        )
        await connection.execute(
            """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
               VALUES ($1, $2, $1, 'Checkout', 'It takes too long.', $3)""",
            org,
            project,
            user,
        )
        for hour in hours:
            await insert(connection, org, project, hour)
    return org, project


async def insert(connection: asyncpg.Connection, org: UUID, project: UUID, hour: datetime) -> None:
    await connection.execute(
        """INSERT INTO partial (org_id, project_id, hour, metric_name, cohort, feature, topic, partition,
                                value_micro, of_micro, sample_count, users, revision, dirty)
           VALUES ($1, $2, $3, 'retention', '', '', 'raw_metrics', 0, 5, 7, 1, '\\x01', 1, true)""",
        org,
        project,
        hour,
    )
    await connection.execute(
        """INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id,
                                  metric_value, unit, sample_count, user_count, users_sketch, revision)
           VALUES ($1, $2, $3, 'retention', '', '', gen_random_uuid(), 71.5, '%', 1, 1, '\\x01', 1)""",
        org,
        project,
        hour,
    )


async def everything(database: Database) -> dict[str, list[str]]:
    async with database.superuser() as connection:
        return {
            table: [row[0] for row in await connection.fetch(WHOLE.format(table=table))] for table in TABLES
        }


async def parts(database: Database) -> set[str]:
    async with database.superuser() as connection:
        return {row[0] for row in await connection.fetch(PARTS)}


async def rules(database: Database) -> set[tuple[object, ...]]:
    """Who may do what with the tables that are partitioned now, their owners apart."""
    async with database.superuser() as connection:
        policies = await connection.fetch("SELECT * FROM pg_policies WHERE tablename = ANY ($1)", TABLES)
        grants = await connection.fetch(
            """SELECT c.relname, a.grantee, a.privilege_type, c.relrowsecurity, c.relforcerowsecurity
               FROM pg_class c, aclexplode(c.relacl) a
               WHERE c.relname = ANY ($1) AND a.grantee <> c.relowner""",
            TABLES,
        )
    return {tuple(map(str, row)) for row in (*policies, *grants)}


async def test_rows_survive_up_and_down(empty_database: Database, home: Path):
    await migrate_database(empty_database.settings(home), "20261123_main_job")
    await fill(empty_database, HOURS)
    rows, before = await everything(empty_database), await rules(empty_database)
    assert all(len(found) == len(HOURS) for found in rows.values())
    assert len(before) == 2 * (6 + 4)
    for _ in range(2):
        await migrate_database(empty_database.settings(home), "20261123_partitions")
        assert await everything(empty_database) == rows
        assert await rules(empty_database) == before
        months = {(table, month) for table in TABLES for month in ("2023_01", "2023_02", "2026_11")}
        assert await parts(empty_database) == {f"{table}_{month}" for table, month in months}
        await downgrade(empty_database.owner_url, "20261123_main_job")
        assert await everything(empty_database) == rows
        assert await rules(empty_database) == before
        assert await parts(empty_database) == set()


async def test_last_month_to_three_months_ahead_are_there(database: Database):
    now = datetime.now(UTC)
    count = now.year * 12 + now.month - 1
    months = [divmod(count + ahead, 12) for ahead in range(-1, 4)]
    assert await parts(database) == {f"{t}_{y}_{m + 1:02}" for t in BY_MONTH for y, m in months}


async def test_every_table_that_is_partitioned_is_one_of_the_list(database: Database):
    async with database.superuser() as connection:
        found = await connection.fetch("SELECT relname FROM pg_class WHERE relkind = 'p'")
    assert {row[0] for row in found} == {*BY_MONTH, "batch_seen"}


async def test_a_month_is_made_once_for_all_days_of_it_and_to_the_hour(database: Database):
    org, project = await fill(database, ())
    days = [date(2019, 12, 31), date(2019, 12, 1), date(2020, 1, 15)]
    async with login(database.worker_url) as worker:
        assert await worker.fetchval(ENSURE, list(SAMPLED), days) == 4
        assert await worker.fetchval(ENSURE, list(SAMPLED), days) == 0
        assert await worker.fetchval(ENSURE, list(SAMPLED), []) == 0
        # UTC, whatever the session's time zone.
        await worker.execute("SET timezone = 'Asia/Kolkata'")
        assert await worker.fetchval(ENSURE, list(SAMPLED), [date(2018, 3, 1)]) == 2
    async with database.superuser() as connection:
        for hour in (datetime(2019, 12, 1), datetime(2020, 1, 31, 23), datetime(2018, 3, 31, 23)):  # noqa: DTZ001
            await insert(connection, org, project, hour.replace(tzinfo=UTC))
        for hour in (datetime(2019, 11, 30, 23), datetime(2020, 2, 1)):  # noqa: DTZ001
            with pytest.raises(asyncpg.CheckViolationError, match="no partition of relation"):
                await insert(connection, org, project, hour.replace(tzinfo=UTC))


async def test_a_new_month_is_as_closed_as_its_parent_is_open(database: Database):
    async with database.superuser() as connection:
        await connection.execute(
            "ALTER DEFAULT PRIVILEGES FOR ROLE augentis_keeper GRANT SELECT ON TABLES TO augentis_api, PUBLIC"
        )
    org, project = await fill(database, ())
    async with login(database.worker_url) as worker:
        await worker.execute(ENSURE, list(SAMPLED), [date(2019, 12, 1)])
        await insert(worker, org, project, datetime(2019, 12, 24, 18, tzinfo=UTC))
        assert await worker.fetchval("SELECT count(*) FROM telemetry") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute("SELECT FROM telemetry_2019_12")
    async with login(database.api_url) as api:
        assert await api.fetchval("SELECT count(*) FROM telemetry") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await api.execute("SELECT FROM telemetry_2019_12")
    async with database.superuser() as connection:
        stands = await connection.fetch(
            """SELECT relrowsecurity AND relforcerowsecurity, pg_get_userbyid(relowner), reloptions,
                      (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f'),
                      (SELECT count(*) FROM pg_index x WHERE x.indrelid = c.oid)
               FROM pg_class c WHERE relname IN ('partial_2019_12', 'telemetry_2019_12') ORDER BY relname"""
        )
    assert [tuple(row) for row in stands] == [
        (True, "augentis_keeper", ["fillfactor=60"], 0, 2),
        (True, "augentis_keeper", ["fillfactor=100"], 1, 2),
    ]


async def test_making_a_month_holds_up_no_reader_or_writer(database: Database):
    org, project = await fill(database, HOURS[2:])
    async with login(database.worker_url) as maker, login(database.worker_url) as other:
        await other.execute("SET lock_timeout = '1s'")
        async with maker.transaction():
            await maker.execute(ENSURE, list(SAMPLED), [date(2019, 12, 1)])
            await insert(other, org, project, HOURS[2] - timedelta(hours=1))
            assert await other.fetchval("SELECT count(*) FROM telemetry") == 2


async def test_months_are_made_by_many_at_once(database: Database):
    months = [date(2000 + number // 12, number % 12 + 1, 1) for number in range(24)]

    async def make() -> int:
        async with login(database.worker_url) as worker:
            return int(await worker.fetchval(ENSURE, list(SAMPLED), months))

    assert sorted(await asyncio.gather(*(make() for _ in range(5)))) == [0, 0, 0, 0, 48]


async def test_whole_months_are_dropped_oldest_first_in_all_tables(database: Database):
    made = await parts(database)
    months = [date(2019, number, 1) for number in range(1, 6)]
    async with login(database.worker_url) as worker:
        await worker.execute(ENSURE, list(SAMPLED), months)
        assert await dropped(worker, date(2019, 1, 31)) == []
        assert await dropped(worker, date(2019, 2, 1)) == ["partial_2019_01", "telemetry_2019_01"]
        assert await dropped(worker, date(2019, 4, 30), most=1) == ["partial_2019_02", "telemetry_2019_02"]
        assert await dropped(worker, date(2019, 4, 30)) == ["partial_2019_03", "telemetry_2019_03"]
    assert await parts(database) - made == {f"{table}_2019_0{n}" for table in SAMPLED for n in (4, 5)}


async def test_no_month_is_dropped_before_its_time_and_no_other_table_at_all(database: Database):
    tomorrow = datetime.now(UTC).date() - timedelta(days=34)
    async with login(database.worker_url) as worker:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="35 days at least"):
            await dropped(worker, tomorrow)
        for query in (ENSURE, "SELECT drop_partitions($1, ($2::date[])[1], 12)"):
            found = await worker.fetch(query, ["telemetry"], [date(2019, 1, 1)])
            assert len(found) == (1 if query == ENSURE else 0)
        with pytest.raises(asyncpg.InvalidParameterValueError, match="table project is not partitioned"):
            await worker.execute(ENSURE, ["project"], [date(2019, 1, 1)])
        assert await worker.fetch("SELECT drop_partitions($1, $2, 12)", ["project"], date(2019, 9, 1)) == []


async def test_the_worker_may_make_and_drop_and_the_api_may_not(database: Database):
    for url, may in ((database.worker_url, True), (database.owner_url, True), (database.api_url, False)):
        async with login(url) as connection:
            for query, day in ((ENSURE, [date(2019, 1, 1)]), (DROP, date(2019, 1, 1))):
                arguments = (list(SAMPLED), day) if query == ENSURE else (list(SAMPLED), day, 12)
                if may:
                    await connection.fetch(query, *arguments)
                else:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.fetch(query, *arguments)


async def dropped(worker: asyncpg.Connection, before: date, most: int = 12) -> list[str]:
    return [row[0] for row in await worker.fetch(DROP, list(SAMPLED), before, most)]
