"""Months of the tables that are partitioned by month (UTC): made ahead and on demand, dropped whole."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from storage import batches
from storage.ledger import Connection

SAMPLED = ("partial", "telemetry")
"""What samples become. A month of theirs is made and dropped in one transaction: both have it, or neither.

In the order in which they are locked: a closer reads partials before it writes telemetry.
"""
AUDIT = ("audit_log",)
BY_MONTH = (*SAMPLED, *AUDIT)
"""Every table that is partitioned by month (the catalogue test compares)."""
AHEAD = (-1, 3)
"""Months made ahead, counted from this one, both included."""
_AT_ONCE = 12
"""Months made or dropped in one transaction: each table and index of them is a lock."""


async def make_ahead(connection: Connection) -> None:
    """Make last month to three months ahead, by the database's clock, and the weeks of batches."""
    await batches.make_weeks(connection)
    first, last = AHEAD
    await connection.execute(
        """SELECT public.ensure_partitions($1, ARRAY(
               SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + m * interval '1 month')::date
               FROM generate_series($2::int, $3) AS m))""",
        list(BY_MONTH),
        first,
        last,
    )


async def make(connection: Connection, months: Iterable[date]) -> None:
    """Make these months (each by its first day) for samples; what is there is left alone."""
    missing = sorted(months)
    for start in range(0, len(missing), _AT_ONCE):
        await connection.execute(
            "SELECT public.ensure_partitions($1, $2::date[])",
            list(SAMPLED),
            missing[start : start + _AT_ONCE],
        )


async def made(connection: Connection) -> set[date]:
    """Return the months that samples have a place in."""
    rows = await connection.fetch(
        """SELECT to_date(right(inhrelid::regclass::text, 7), 'YYYY_MM') FROM pg_inherits
           WHERE inhparent = ANY ($1::regclass[]) GROUP BY 1 HAVING count(*) = $2""",
        list(SAMPLED),
        len(SAMPLED),
    )
    return {row[0] for row in rows}


async def are_older(connection: Connection, table: str, before: date) -> bool:
    """Tell whether a table has months that end at `before` or earlier."""
    query = """SELECT EXISTS (
                   SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
                   WHERE i.inhparent = $1::text::regclass AND to_date(right(c.relname, 7), 'YYYY_MM') < $2)"""
    return bool(await connection.fetchval(query, table, before))


async def drop(connection: Connection, tables: Iterable[str], before: date) -> list[str]:
    """Drop some of the months that end at `before` or earlier, oldest first; return what was dropped.

    Raises:
        asyncpg.LockNotAvailableError: somebody is at work in the tables; nothing was dropped.
    """
    rows = await connection.fetch("SELECT public.drop_partitions($1, $2, $3)", list(tables), before, _AT_ONCE)
    return [row[0] for row in rows]


def month_of(epoch: float) -> date:
    """Return the first day of the month (UTC) of epoch seconds."""
    return datetime.fromtimestamp(epoch, UTC).date().replace(day=1)
