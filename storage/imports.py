"""Ready hourly rows: kept as the contribution of one source, beside those of the topics.

A row is absolute: what it says replaces what an earlier import said of that hour and series, and saying the
same again changes nothing. Closing merges it with what was streamed, as it merges partitions.
"""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from metrics.cell import Cell
from storage import partials, series, watermarks
from storage.history import IMPORT
from storage.ledger import Connection, Place
from storage.partials import Held, SeriesHour
from storage.series import SeriesName

HOUR = 3600
_PLACE = Place("", IMPORT, 0)


class Written(NamedTuple):
    """What became of some rows: how many are new or changed, how many were known; series without room."""

    written: int
    unchanged: int
    beyond: set[SeriesName]


async def has_project(connection: Connection, org_id: UUID, project_id: UUID) -> bool:
    """Say whether an organisation has this project, and it is not archived."""
    found = await connection.fetchval(
        "SELECT count(*) FROM project WHERE org_id = $1 AND id = $2 AND NOT is_archived", org_id, project_id
    )
    return bool(found)


async def write(connection: Connection, cells: Mapping[SeriesHour, Cell], most_series: int) -> Written:
    """Write rows of one project (not empty), whose months are there, in the transaction that is open.

    Another import into the project waits until its end: a state is read before it is replaced.

    Args:
        connection: inside a transaction.
        cells: what each row knows.
        most_series: series a project may have; rows of series beyond it are left out.
    """
    first = next(iter(cells))
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"import {first.org_id} {first.project_id}"
    )
    beyond = await series.add(connection, list(dict.fromkeys(map(series.name_of, cells))), most_series)
    wanted = {where: cell for where, cell in cells.items() if series.name_of(where) not in beyond}
    new = await changed(connection, wanted)
    if new:
        await partials.save(connection, _PLACE, new)
    if wanted:
        hours = [where.hour for where in wanted]
        # An hour is over when it is imported: the source has come to the end of the newest.
        span = (float(min(hours)), float(max(hours) + HOUR))
        await watermarks.advance(connection, _PLACE, {(first.org_id, first.project_id): span})
    return Written(len(new), len(wanted) - len(new), beyond)


async def changed(connection: Connection, cells: Mapping[SeriesHour, Cell]) -> dict[SeriesHour, Held]:
    """Return the states that `cells` make of what is there, without those that are there already."""
    known = await partials.load(connection, _PLACE, cells) if cells else {}
    return {
        where: Held(cell, known[where].revision + 1 if where in known else 1)
        for where, cell in cells.items()
        if where not in known or known[where].cell != cell
    }
