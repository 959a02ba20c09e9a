"""An organisation's end: closed, its lonely people erased, its rows deleted, a tombstone in their place.

Each step is a transaction of its own and finds out itself what is left to do: killed anywhere, run again, it
goes on.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import Table

from storage import leaving
from storage.operating import Operator
from storage.tenancy import Operation

AT_ONCE = 5000
"""Rows of one transaction: about a second, even of the heaviest tables."""
_SWEEPS = 5


class Gone(NamedTuple):
    """Some rows that were deleted just now."""

    table: str
    rows: int


class StillWrittenError(Exception):
    """Somebody goes on writing rows of the organisation."""

    exit_code = 1


async def counts(operator: Operator, org_id: UUID) -> dict[str, int]:
    """Return the rows of each table that would be deleted."""
    async with operator.acting(Operation(org_id)) as acting:
        return {
            table.name: await acting.fetchval("SELECT auth.count_rows($1)", table.name)
            for table in (*leaving.deleted(), *leaving.log())
        }


async def topics(operator: Operator, org_id: UUID) -> list[str]:
    """Return the topics that are bound to its projects, or were: Kafka keeps them."""
    async with operator.acting(Operation(org_id)):
        bound = [row async for rows in leaving.rows(operator, org_id, "topic_binding") for row in rows]
    return sorted(json.loads(row)["topic"] for row in bound)


async def alone(operator: Operator, org_id: UUID) -> bool:
    """Tell whether nobody else deletes the organisation, and keep others from it for the connection."""
    query = "SELECT pg_try_advisory_lock(hashtextextended('deletion of ' || $1, 0))"
    return bool(await operator.connection.fetchval(query, str(org_id)))


async def close(operator: Operator, org_id: UUID) -> datetime:
    """Close the organisation to everybody, and return since when it is."""
    async with operator.acting(Operation(org_id)) as acting:
        since: datetime = await acting.fetchval("SELECT auth.close_organization()")
    return since


async def erase_lonely(operator: Operator, org_id: UUID) -> int:
    """Erase the members who are of no other organisation, and return how many."""
    async with operator.acting(Operation(org_id)) as acting:
        lonely = await acting.fetch("SELECT auth.lonely_members()")
    erased = [await operator.erase(Operation(org_id, row[0])) for row in lonely]
    return len([user for user in erased if user is not None])


async def delete(operator: Operator, org_id: UUID) -> AsyncGenerator[Gone, None]:
    """Delete the rows of a closed organisation, and the organisation; yield what went, as it goes.

    Raises:
        StillWrittenError: rows came after them, again and again.
    """
    for _ in range(_SWEEPS):
        for table in leaving.deleted():
            async for gone in _emptied(operator, org_id, table):
                yield gone
        if await _bury(operator, org_id):
            return
    raise StillWrittenError("rows of the organisation are still written: are all workers up? Run it again")


async def delete_log(operator: Operator, org_id: UUID) -> AsyncGenerator[Gone, None]:
    """Delete the log of an organisation that is gone, when the tombstone has its end; yield what went."""
    async with operator.acting(Operation(org_id)) as acting:
        await acting.execute("SELECT auth.note_last_words()")
    # What a worker wrote as the organisation went goes as well.
    for table in (*leaving.deleted(), *leaving.log()):
        async for gone in _emptied(operator, org_id, table):
            yield gone
    async with operator.acting(Operation(org_id)) as acting:
        await acting.execute("SELECT auth.finish_burial()")


async def _emptied(operator: Operator, org_id: UUID, table: Table) -> AsyncIterator[Gone]:
    # Rows that rest on rows of the same table go all at once.
    itself = any(key.column.table is table for key in table.foreign_keys)
    most = 2**62 if itself else AT_ONCE
    place: str | None = None
    while True:
        async with operator.acting(Operation(org_id)) as acting:
            row = await acting.fetchrow("SELECT * FROM auth.delete_rows($1, $2, $3)", table.name, most, place)
        assert row is not None  # noqa: S101  # it returns one
        gone, place = int(row["gone"]), row["place"]
        if gone:
            yield Gone(table.name, gone)
        if gone < most:
            return


async def _bury(operator: Operator, org_id: UUID) -> bool:
    """Put the tombstone in the organisation's place; False: something came to hang on it again."""
    try:
        async with operator.acting(Operation(org_id)) as acting:
            await acting.execute("SELECT auth.bury_organization()")
    except asyncpg.ForeignKeyViolationError:
        return False
    return True
