"""A policy finds its rows by an index: told by EXPLAIN, at 20,000 rows a table of 200 organisations.

The fewer rows, the sooner PostgreSQL reads all of a table: what holds here holds of larger ones.
"""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy import Column, Table, Uuid

from storage.tables import Base
from tests import databases
from tests.databases import Database
from tests.tenancy.asking import asking, rows
from tests.tenancy.test_reading import NOT_FOR_THE_API, OF_EVERYBODY
from tests.world import World, build

ROWS, ORGANISATIONS = 20_000, 200
READABLE = sorted(set(Base.metadata.tables) - NOT_FOR_THE_API - OF_EVERYBODY)


@pytest.fixture(scope="module")
def crowd(template: Database) -> Iterator[World]:
    """The world of two organisations among two hundred others."""
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    try:
        yield asyncio.run(_fill(clone))
    finally:
        asyncio.run(databases.drop(clone))


async def _fill(database: Database) -> World:
    world = await build(database)
    async with database.superuser() as connection:
        # Neither triggers nor foreign keys: what is planned depends on how many rows there are, not on whose.
        await connection.execute("SET session_replication_role = replica")
        for name in READABLE:
            await _multiply(connection, Base.metadata.tables[name])
        await connection.execute("ANALYZE")
        await _drop_empty_months(connection)
    return world


async def _drop_empty_months(connection: asyncpg.Connection) -> None:
    """A month without a row has no page, and no cheaper plan than to look at all of it."""
    months = await connection.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent::regclass IN"
        " (SELECT partrelid FROM pg_partitioned_table) AND pg_relation_size(inhrelid) = 0"
    )
    for (month,) in months:
        await connection.execute(f"DROP TABLE {month}")


async def _multiply(connection: asyncpg.Connection, table: Table) -> None:
    """Add copies of a row that is there, of other organisations, each with a key of its own."""
    # In the order of the keys, which begin with the organisation: indexes grow at their end, and fast.
    columns = [column for column in table.columns if column.computed is None and not column.identity]
    values = ", ".join(_value(column) for column in columns)
    names = ", ".join(column.name for column in columns)
    # Of these an organisation has one.
    others = "WHERE NOT is_default" if "is_default" in table.columns else ""
    await connection.execute(
        f"INSERT INTO {table.name} ({names}) SELECT {values}"
        f" FROM (SELECT * FROM {table.name} {others} LIMIT 1) AS t,"
        f" (SELECT n FROM generate_series(1, {ROWS}) AS n ORDER BY md5((n % {ORGANISATIONS})::text)) AS s"
    )


def _value(column: Column[object]) -> str:
    if column.name == "org_id":
        return f"md5((n % {ORGANISATIONS})::text)::uuid"
    if isinstance(column.type, Uuid) and not column.nullable:
        return "md5(random()::text || n)::uuid"
    if column.name in {"slug", "email", "key", "cohort", "tag_name", "name"}:
        return f"n || {column.name}"
    if column.name == "sequence":
        return "n"
    if column.name == "dropped_before":  # whole months
        return f"t.dropped_before + n / {ORGANISATIONS} * interval '1 month'"
    return f"t.{column.name}"


@pytest.mark.parametrize("table", READABLE)
async def test_a_policy_alone_plans_no_sequential_scan(crowd: World, table: str):
    async with asking(crowd.database, crowd.claims("ann")) as session:
        [(seen,)] = await rows(session, f"SELECT count(*) FROM {table}")
        plan = "\n".join(row[0] for row in await rows(session, f"EXPLAIN SELECT 1 FROM {table}"))
    assert 0 < seen < 100
    assert "Seq Scan" not in plan, plan
    assert "Index" in plan
