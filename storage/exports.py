"""Telemetry rows for a file, in order of time, however many."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from metrics.names import Metric
from storage.ledger import Connection

ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose rows: hours in [since, until), one metric or all (None)."""

    org_id: UUID
    project_id: UUID
    since: datetime | None = None
    until: datetime | None = None
    metric: Metric | None = None


async def telemetry(connection: Connection, wanted: Wanted) -> AsyncIterator[list[asyncpg.Record]]:
    """Yield closed hours some thousands of rows at a time, all as of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        cursor = await connection.cursor(
            """SELECT timestamp, metric_name, cohort, feature, metric_value, unit, numerator, denominator,
                      sample_count, user_count, latency_sketch, users_sketch, positive_users_sketch, revision
               FROM telemetry
               WHERE org_id = $1 AND project_id = $2
                 AND timestamp >= coalesce($3::timestamptz, '-infinity'::timestamptz)
                 AND timestamp < coalesce($4::timestamptz, 'infinity'::timestamptz)
                 AND metric_name = ANY ($5)
               ORDER BY timestamp, metric_name, cohort, feature""",
            wanted.org_id,
            wanted.project_id,
            wanted.since,
            wanted.until,
            [str(metric) for metric in Metric if wanted.metric in (None, metric)],
        )
        while rows := await cursor.fetch(ROWS_AT_ONCE):
            yield rows
