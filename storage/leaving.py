"""All that is one organisation's: which tables, in which order, and their rows out in one snapshot."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Table

from storage.operating import Operator
from storage.tables import Base
from storage.tenancy import Operation

NOT_EXPORTED: Mapping[str, str] = {
    "idempotency_key": "answers to repeated requests, sealed, for a day",
    "outbox": "what waits to be sent; refused samples in it are sealed",
    "batch_seen": "ids of batches, to know a resend",
    "alert_due": "when alerts are looked at next",
    "alert_lane": "when a channel is looked at next",
    "audit_pending": "what an open transaction has yet to link; empty in between",
    "organization_tombstone": "what is left of an organisation that is deleted",
}
"""Tables of tenants that do not leave with them, and why."""
LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "machine_key": ("secret_sha256",),
    "alert_channel": ("sealed",),
    "app_user": ("auth_provider_id",),
}
"""Columns that do not leave: the database's rights say so (`migrations/versions/20261123_people.py`)."""
_AT_ONCE = 2000


class Snapshot(NamedTuple):
    """What an export shows: the state at `at`, in the schema of `revision`."""

    at: datetime
    revision: str


def tables() -> list[Table]:
    """Return the tables that hold rows of tenants, by a column org_id; what rests on others comes first."""
    return [table for table in reversed(Base.metadata.sorted_tables) if "org_id" in table.c]


def exported() -> list[str]:
    """Return the tables that an export has, in the order of their names."""
    named = {table.name for table in tables()} - set(NOT_EXPORTED)
    return sorted(named | {"organization", "app_user"})


def deleted() -> Iterator[Table]:
    """Yield the tables that a deletion empties before the organisation goes: all but the log."""
    for table in tables():
        if table.name != "organization_tombstone" and table not in log():
            yield table


def log() -> list[Table]:
    """Return the audit log and its chain, which go when they have told of all the rest."""
    return [table for table in tables() if table.name.startswith("audit_")]


def described(name: str) -> str:
    """Return what a table's rows are: the first paragraph of its model."""
    found = {mapper.local_table.name: mapper.class_.__doc__ for mapper in Base.registry.mappers}  # type: ignore[attr-defined]
    return " ".join((found[name] or "").split("\n\n")[0].split())


@asynccontextmanager
async def snapshot(operator: Operator) -> AsyncIterator[Snapshot]:
    """Yield what the block will see: one state of all tables, however long it takes."""
    async with operator.connection.transaction(isolation="repeatable_read", readonly=True):
        row = await operator.connection.fetchrow(
            "SELECT transaction_timestamp(), (SELECT version_num FROM alembic_version)"
        )
        assert row is not None  # noqa: S101  # a SELECT without FROM
        yield Snapshot(row[0], row[1])


async def rows(operator: Operator, org_id: UUID, table: str) -> AsyncIterator[list[str]]:
    """Yield the organisation's rows of a table, some at a time, each a line of JSON, in the order of its key.

    Inside `snapshot`; the server keeps a cursor, and we some thousand rows.
    """
    await operator.sign(Operation(org_id))
    connection = operator.connection
    await connection.execute("SELECT auth.export_rows($1, 'leaving')", table)
    while found := await connection.fetch(f"FETCH FORWARD {_AT_ONCE} FROM leaving"):
        yield [row[0] for row in found]
    await connection.execute("CLOSE leaving")
