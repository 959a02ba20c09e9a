"""Months of tables: moved without loss, made by whoever needs them, dropped whole, hidden."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from migrations.run import downgrade, migrate_database
from storage.partitions import BY_MONTH
from tests.databases import Database

HOURS = (
    datetime(2023, 1, 31, 23, tzinfo=UTC),
    datetime(2023, 2, 1, tzinfo=UTC),
    datetime(2026, 11, 30, 23, tzinfo=UTC),
)
WHOLE = "SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1"
PARTS = """SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhparent
           WHERE c.relkind = 'p' ORDER BY 1"""


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
            table: [row[0] for row in await connection.fetch(WHOLE.format(table=table))] for table in BY_MONTH
        }


async def parts(database: Database) -> set[str]:
    async with database.superuser() as connection:
        return {row[0] for row in await connection.fetch(PARTS)}


async def test_rows_survive_up_and_down(empty_database: Database, home: Path):
    await migrate_database(empty_database.settings(home), "20261123_main_job")
    await fill(empty_database, HOURS)
    before = await everything(empty_database)
    assert all(len(rows) == len(HOURS) for rows in before.values())
    await migrate_database(empty_database.settings(home))
    assert await everything(empty_database) == before
    assert {"partial_2023_01", "telemetry_2023_02", "telemetry_2026_11"} <= await parts(empty_database)
    await downgrade(empty_database.owner_url, "20261123_main_job")
    assert await everything(empty_database) == before
    assert await parts(empty_database) == set()
