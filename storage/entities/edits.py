"""Changes to one row of a version that the caller has read: no update is lost.

The row's version is raised by the database. Row security may let a caller see a row and not change it; what
then comes back is nothing, as for a row that is not there or has moved on, and the three are told apart here.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from sqlalchemy import ColumnElement, Delete, Update, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage.errors import NotAllowedError, NotThereError, StaleError
from storage.tables import Base

Expected = frozenset[int] | None
"""The versions that a caller has read; None: any."""

Row = TypeVar("Row", bound=Base)
Key = Mapping[str, object]
_THINGS = {
    "organization_members": "member",
    "app_user": "person",
    "machine_key": "key",
    "project_access": "role in this project",
    "agent_execution": "execution",
    "phase_gate_decision": "gate decision",
    "divergence_report": "report",
    "alert_window": "window",
    "alert_channel": "channel",
    "alert_route": "route",
}


async def change(
    session: AsyncSession, table: type[Row], key: Key, expected: Expected, values: Mapping[str, Any]
) -> Row:
    """Set `values` in the row that `key` names (column by column), and return it.

    Raises:
        NotThereError: there is no such row within sight.
        StaleError: its version is none of `expected`.
        NotAllowedError: the row may be seen and not changed.
    """
    statement = update(table).where(*_named(table, key), *_current(table, expected)).values(**values)
    return await _done(session, table, key, expected, statement)


async def locked(session: AsyncSession, table: type[Row], key: Key, expected: Expected) -> Row:
    """Return the row that `key` names, for this transaction alone to change.

    Raises:
        NotThereError, StaleError, NotAllowedError: as for `change`.
    """
    query = select(table).where(*_named(table, key), *_current(table, expected)).with_for_update()
    row: Row | None = (await session.scalars(query)).one_or_none()
    return row or await _why_not(session, table, key, expected)


async def remove(session: AsyncSession, table: type[Row], key: Key, expected: Expected) -> Row:
    """Delete the row that `key` names, and return it as it was.

    Raises:
        NotThereError, StaleError, NotAllowedError: as for `change`.
    """
    statement = delete(table).where(*_named(table, key), *_current(table, expected))
    return await _done(session, table, key, expected, statement)


async def _done(
    session: AsyncSession, table: type[Row], key: Key, expected: Expected, statement: Update | Delete
) -> Row:
    returned = await session.scalars(
        statement.returning(table),
        execution_options={"synchronize_session": False, "populate_existing": True},
    )
    row: Row | None = returned.one_or_none()
    return row or await _why_not(session, table, key, expected)


async def _why_not(session: AsyncSession, table: type[Row], key: Key, expected: Expected) -> NoReturn:
    query = select(_version(table)).where(*_named(table, key))
    version = (await session.scalars(query)).one_or_none()
    if version is None:
        raise NotThereError(f"there is no such {_THINGS.get(table.__tablename__, table.__tablename__)}")
    if expected is not None and version not in expected:
        raise StaleError(version)
    raise NotAllowedError("it may be seen and not changed")


def _named(table: type[Row], key: Key) -> list[ColumnElement[bool]]:
    return [getattr(table, column) == value for column, value in key.items()]


def _current(table: type[Row], expected: Expected) -> list[ColumnElement[bool]]:
    return [] if expected is None else [_version(table).in_(expected)]


def _version(table: type[Row]) -> InstrumentedAttribute[int]:
    """Return the column that grows with every change; an artifact's `version` is the specification's."""
    names = ("revision", "handling_version", "version")
    named: InstrumentedAttribute[int] = next(getattr(table, name) for name in names if hasattr(table, name))
    return named
