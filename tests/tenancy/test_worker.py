"""The worker's role reads what it needs of every tenant, writes what it makes, and touches nothing else."""

import asyncpg
import pytest

from storage.tables import Base
from tests.world import World

READS = {
    "audit_link",
    "audit_chain",
    "organization",
    "project",
    "machine_key",
    "assumption",
    "artifact",
    "artifact_dependency",
    "otlp_mapping",
    "exclusion_window",
    "alert_silence",
    "alert_window",
    "holiday_calendar",
    "agent_execution",
    "alert_channel",
    "alert_route",
    "alert_route_channel",
    "cost_pending",
    "evidence",
}
WRITES = {
    "alert_due",
    "alert_told",
    "alert_delivery",
    "alert_lane",
    "alert_notice",
    "cost_tracking",
    "audit_head",
    "partition_ledger",
    "partial",
    "project_watermark",
    "project_clock",
    "telemetry",
    "divergence_report",
    "cascade_analysis",
    "detector_state",
    "outbox",
    "dead_letter",
    "series",
    "otlp_series",
    "otlp_point",
    "series_count",
    "key_usage",
    "topic_binding",
}
APPENDS = {"batch_seen", "audit_checkpoint"}
DELETES = {
    "alert_due",
    "alert_told",
    "alert_delivery",
    "cost_tracking",
    "cost_pending",
    "partition_ledger",
    "outbox",
    "dead_letter",
    "idempotency_key",
    "series",
    "invitation",
    "otlp_series",
    "otlp_point",
    "telemetry",
}
# Of these some columns are people's (ADR 0025), or nobody's to change: one of the worker's.
PEOPLES = {"divergence_report": "status", "alert_delivery": "status", "alert_notice": "ended_at"}
EVERY = sorted(Base.metadata.tables)


async def run(world: World, statement: str) -> bool:
    """Tell whether the statement is allowed; it is undone."""
    connection = await asyncpg.connect(world.database.worker_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(statement)
        finally:
            await transaction.rollback()
    except asyncpg.InsufficientPrivilegeError:
        return False
    except asyncpg.IntegrityConstraintViolationError:
        return True
    finally:
        await connection.close()
    return True


@pytest.mark.parametrize("table", EVERY)
async def test_reads(world: World, table: str):
    assert await run(world, f"SELECT * FROM {table}") == (table in READS | WRITES | APPENDS)


@pytest.mark.parametrize("table", sorted((READS | WRITES | APPENDS) - {"partition_ledger"}))
async def test_sees_every_tenant(world: World, table: str):
    column = "id" if table == "organization" else "org_id"
    connection = await asyncpg.connect(world.database.worker_url)
    try:
        orgs = {row[0] for row in await connection.fetch(f"SELECT {column} FROM {table}")}
    finally:
        await connection.close()
    assert orgs == {world.a, world.b}


@pytest.mark.parametrize("table", EVERY)
async def test_inserts(world: World, table: str):
    assert await run(world, f"INSERT INTO {table} DEFAULT VALUES") == (table in WRITES | APPENDS)


@pytest.mark.parametrize("table", EVERY)
async def test_updates(world: World, table: str):
    column = PEOPLES.get(table) or next(
        column.name for column in Base.metadata.tables[table].columns if not column.identity
    )
    assert await run(world, f"UPDATE {table} SET {column} = {column}") == (table in WRITES)


@pytest.mark.parametrize("table", EVERY)
async def test_deletes(world: World, table: str):
    assert await run(world, f"DELETE FROM {table}") == (table in DELETES)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT auth.uid()",
        "SELECT * FROM auth.claims_key",
        "SELECT auth.find_member('acme', '')",
        "SET ROLE augentis_api",
        "ALTER TABLE telemetry DISABLE ROW LEVEL SECURITY",
        "TRUNCATE outbox",
    ],
)
async def test_is_nobody(world: World, statement: str):
    assert not await run(world, statement)
