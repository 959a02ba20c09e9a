"""Batches counted before, in whatever partition: their resends are dropped."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from storage.ledger import Connection

BatchKey = tuple[UUID, UUID, UUID]
"""Organisation, project, batch: no tenant can suppress another's batch."""


async def remember(connection: Connection, batches: Iterable[BatchKey]) -> set[BatchKey]:
    """Note `batches` and return those that were new.

    Inserted in one order everywhere: two partitions that carry each other's resends never deadlock.
    """
    ordered = sorted(set(batches))
    if not ordered:
        return set()
    rows = await connection.fetch(
        """INSERT INTO batch_seen (org_id, project_id, batch_id)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING
           RETURNING org_id, project_id, batch_id""",
        *map(list, zip(*ordered, strict=True)),
    )
    return {(row["org_id"], row["project_id"], row["batch_id"]) for row in rows}


async def forget(connection: Connection, before: datetime, most: int = 10_000) -> int:
    """Delete up to `most` batches seen before `before`, and return how many."""
    done = await connection.execute(
        """DELETE FROM batch_seen WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM batch_seen WHERE seen_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))""",
        before,
        most,
    )
    return int(done.removeprefix("DELETE "))
