"""Batches counted before, in whatever partition: their resends are dropped.

The table is partitioned by the week (UTC) of the first sight, so that forgetting is dropping. A unique key
holds within a week only. Two transactions that count the same batch at the same time are kept apart by it
all the same, because one that begins within `BORDER` of a week's end notes its batches in both weeks: if
they run at the same time they have a week in common (ADR 0014).
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

from storage.ledger import Connection

BatchKey = tuple[UUID, UUID, UUID]
"""Organisation, project, batch: no tenant can suppress another's batch."""
BORDER = timedelta(hours=1)
"""More than half of what a transaction lasts at most: statements have a minute, idleness has seconds."""
AHEAD = (-1, 2)
"""Weeks made ahead, counted from this one, both included."""
MARGIN = timedelta(days=1)
"""A week is kept this much longer: a sample may be ahead of the clock by the tolerance for the future."""


async def remember(
    connection: Connection, batches: Iterable[BatchKey], at: datetime | None = None
) -> set[BatchKey]:
    """Note `batches` and return those that were new.

    Inserted in one order everywhere: two partitions that carry each other's resends never deadlock.

    Args:
        connection: inside a transaction.
        batches: repeats among them count once.
        at: when the transaction began; by default the database says.
    """
    ordered = sorted(set(batches))
    if not ordered:
        return set()
    rows = await connection.fetch(
        # OFFSET 0: a look-up a batch and week, whatever the planner believes of one that has just begun.
        """WITH weeks AS MATERIALIZED (
               SELECT DISTINCT date_trunc('week', each AT TIME ZONE 'UTC')::date AS week
               FROM coalesce($5::timestamptz, now()) AS began,
                    unnest(ARRAY[began - $4::interval, began + $4::interval]) AS each),
           noted AS (
               INSERT INTO batch_seen (org_id, project_id, batch_id, week)
               SELECT b.org_id, b.project_id, b.batch_id, w.week
               FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS b (org_id, project_id, batch_id), weeks AS w
               WHERE NOT EXISTS (
                   SELECT FROM batch_seen AS s
                   WHERE s.org_id = b.org_id AND s.project_id = b.project_id AND s.batch_id = b.batch_id
                   OFFSET 0)
               ORDER BY w.week, b.org_id, b.project_id, b.batch_id
               ON CONFLICT DO NOTHING
               RETURNING org_id, project_id, batch_id)
           SELECT org_id, project_id, batch_id FROM noted
           GROUP BY 1, 2, 3 HAVING count(*) = (SELECT count(*) FROM weeks)""",
        *map(list, zip(*ordered, strict=True)),
        BORDER,
        at,
    )
    return {(row["org_id"], row["project_id"], row["batch_id"]) for row in rows}


async def make_weeks(connection: Connection) -> None:
    """Make last week to two weeks ahead, by the database's clock."""
    first, last = AHEAD
    await connection.execute(
        """SELECT public.ensure_batch_weeks(ARRAY(
               SELECT (now() AT TIME ZONE 'UTC')::date + 7 * n FROM generate_series($1::int, $2) AS n))""",
        first,
        last,
    )


async def forget(connection: Connection, lateness: timedelta) -> list[str]:
    """Drop the weeks that ended longer ago than `lateness`; return their partitions' names.

    Raises:
        asyncpg.LockNotAvailableError: somebody is at work in the table; nothing was dropped.
    """
    before: date = await connection.fetchval(
        "SELECT (least(now() - $1::interval, now() - $2::interval) AT TIME ZONE 'UTC')::date",
        lateness + MARGIN,
        timedelta(days=1),
    )
    rows = await connection.fetch("SELECT public.drop_batch_weeks($1)", before)
    return [row[0] for row in rows]
