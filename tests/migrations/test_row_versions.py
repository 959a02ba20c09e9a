"""Every row that people edit has a version, for ETags: the database's to give, as is when it was changed."""

import pytest

from storage.tables import Base
from tests.undone import undone
from tests.world import World

# Which row of a table, and an edit of it.
EDITS = {
    "organization": ("slug = 'acme'", "timezone = 'Europe/Berlin'"),
    "app_user": ("email LIKE 'ann@%'", "full_name = 'Another'"),
    "organization_members": ("role_in_org = 'VIEWER'", "role_in_org = 'MEMBER'"),
    "workspace": ("name = 'Team a1'", "description = 'Another'"),
    "project": ("name = 'Project a1'", "description = 'Another'"),
    "project_access": ("role = 'EDITOR'", "role = 'VIEWER'"),
    "machine_key": ("name = 'key'", "name = 'another'"),
    "artifact": ("status = 'DRAFT'", "content = '{}'"),
    "agent_execution": ("status = 'QUEUED'", "status = 'RUNNING'"),
    "alert_channel": ("kind = 'webhook'", "name = 'Another'"),
    "alert_route": ("name = 'Reports of a1'", "name = 'Another'"),
    "alert_window": ("name = 'Nights of nobody'", "name = 'Another'"),
    "evidence": ("source = 'interview'", "escalation_status = 'IN_REVIEW'"),
}
# Their versions are rows.
NEVER_EDITED = {"otlp_mapping", "holiday_calendar"}
# Changed once at most, which has a time of its own: tests/rules/test_gate_overrides.py.
OVERRIDDEN = {"phase_gate_decision"}


def test_every_table_with_a_version_is_tried():
    versioned = {table.name for table in Base.metadata.sorted_tables if "version" in table.columns}
    assert versioned - NEVER_EDITED - OVERRIDDEN == set(EDITS)


@pytest.mark.parametrize("table", EDITS)
async def test_a_change_is_the_next_version_whatever_the_statement_says(world: World, table: str):
    # An artifact's `version` is the specification's.
    version = "revision" if table == "artifact" else "version"
    which, edit = EDITS[table]
    async with undone(world) as connection:
        ((row, before), *_) = await connection.fetch(f"SELECT ctid, {version} FROM {table} WHERE {which}")
        ((after, is_now),) = await connection.fetch(
            f"UPDATE {table} SET {edit}, {version} = 77, updated_at = '2000-01-01' WHERE ctid = $1"
            f" RETURNING {version}, updated_at = now()",
            row,
        )
    assert (after, is_now) == (before + 1, True)


async def test_a_login_is_no_edit(world: World):
    async with undone(world) as connection:
        versions = "SELECT array_agg(version) FROM app_user"
        before = await connection.fetchval(versions)
        await connection.execute("UPDATE app_user SET last_login_at = now()")
        assert await connection.fetchval(versions) == before
