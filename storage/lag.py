"""How far each partition is read, as the ledger has it: for the operator's eyes."""

from datetime import timedelta

import asyncpg

from storage.ledger import Connection


async def partitions(connection: Connection, idle_after: timedelta) -> list[asyncpg.Record]:
    """Return each ledger row with the newest event time of its partition; spans are in seconds.

    `quiet`: read to its end, and nothing of any project came in for `idle_after` before that.
    """
    return await connection.fetch(
        """SELECT l.consumer, l.topic, l.partition, l.next_offset, l.owner, l.epoch,
                  w.event_time AS watermark,
                  extract(epoch FROM greatest(now() - w.event_time, interval '0'))::float8
                      AS event_time_lag_seconds,
                  extract(epoch FROM clock_timestamp() - l.fresh_at)::float8 AS fresh_seconds,
                  l.caught_up_at IS NOT NULL
                      AND (w.seen_at IS NULL OR l.caught_up_at - w.seen_at >= $1::interval) AS quiet
           FROM partition_ledger l
           LEFT JOIN (SELECT topic, partition, max(event_time) AS event_time, max(seen_at) AS seen_at
                      FROM project_watermark GROUP BY 1, 2) AS w USING (topic, partition)
           ORDER BY l.consumer, l.topic, l.partition""",
        idle_after,
    )
