"""What a column takes and what it refuses, at the boundary of every CHECK and UNIQUE of the schema.

As a superuser without triggers, on rows of the world, undone: only the constraints are left to refuse.
"""

import asyncpg
import pytest
from sqlalchemy import CheckConstraint, Index, UniqueConstraint

from storage.tables import Base
from tests.migrations import (
    values_agents,
    values_alerts,
    values_artifacts,
    values_audit,
    values_calm,
    values_channels,
    values_deliveries,
    values_evidence,
    values_intake,
    values_people,
    values_reports,
    values_routes,
    values_watch,
)
from tests.migrations.values_alike import SPOKEN_FOR, UNIQUES
from tests.undone import undone
from tests.world import World

LISTS = (
    values_agents.CHECKS,
    values_alerts.CHECKS,
    values_artifacts.CHECKS,
    values_audit.CHECKS,
    values_calm.CHECKS,
    values_channels.CHECKS,
    values_deliveries.CHECKS,
    values_evidence.CHECKS,
    values_intake.CHECKS,
    values_people.CHECKS,
    values_reports.CHECKS,
    values_routes.CHECKS,
    values_watch.CHECKS,
)
# By constraint: what an UPDATE may set and what not.
CHECKS = {constraint: values for each in LISTS for constraint, values in each.items()}


def checks() -> dict[str, str]:
    """Return the table of every CHECK of the models."""
    return {
        str(constraint.name): table.name
        for table in Base.metadata.sorted_tables
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }


async def refusal(connection: asyncpg.Connection, statement: str) -> str | None:
    """Return the constraint that refuses the statement, None if it did something; undone either way."""
    attempt = connection.transaction()
    await attempt.start()
    try:
        done = await connection.execute(statement)
        assert not done.endswith(" 0"), statement
    except asyncpg.IntegrityConstraintViolationError as error:
        return error.constraint_name
    finally:
        await attempt.rollback()
    return None


def test_every_check_is_tried():
    assert set(checks()) == set(CHECKS)
    assert len(CHECKS) == sum(map(len, LISTS)), "one is in two lists"


def one_row(table: str, assignments: str) -> str:
    among = "status = 'APPROVED'" if table == "artifact" else "true"
    return f"UPDATE {table} SET {assignments} WHERE ctid = (SELECT min(ctid) FROM {table} AS x WHERE {among})"


@pytest.mark.parametrize("constraint", CHECKS)
async def test_a_column_takes_what_it_should_and_nothing_beyond(world: World, constraint: str):
    table = checks()[constraint]
    good, bad = CHECKS[constraint]
    async with undone(world, triggers=False) as connection:
        for assignments in good:
            assert await refusal(connection, one_row(table, assignments)) is None, assignments
        for assignments in bad:
            assert await refusal(connection, one_row(table, assignments)) == constraint, assignments


def uniques() -> set[str]:
    """Return every unique key of the models beside the primary ones."""
    return {
        str(key.name)
        for table in Base.metadata.sorted_tables
        for key in (*table.constraints, *table.indexes)
        if isinstance(key, UniqueConstraint) or (isinstance(key, Index) and key.unique)
    }


def test_every_unique_is_tried():
    assert uniques() == set(UNIQUES)


@pytest.mark.parametrize("constraint", UNIQUES)
async def test_two_rows_are_not_alike(world: World, constraint: str):
    alike, different = UNIQUES[constraint]
    async with undone(world, triggers=False) as connection:
        assert await refusal(connection, different) is None
        assert await refusal(connection, alike) == SPOKEN_FOR.get(constraint, constraint)
