"""Closing hours: which projects may close up to when, and merging partials into Telemetry.

An hour closes when every source partition in which the project was seen has passed its end and the
grace, in event time; or, where a partition is idle for the project, in the time at which the partition
was last read to its end. Partials that changed are `dirty`: a late sample and a first one are the same
case, and raise the row's revision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from metrics.cell import Cell, Measure
from metrics.names import UNITS, Metric
from storage import history
from storage.ledger import Connection
from storage.partials import cell_of

TELEMETRY_IDS = UUID("6e2f7f0c-5a1f-4d52-9f7e-0d6a8a3b6c11")
"""Namespace of telemetry ids: a row's id follows from what it is about."""
_REVISION = (
    *("org_id", "project_id", "hour", "metric_name", "cohort", "feature"),
    *("topic", "partition", "revision"),
)
_REVISIONS = """unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                   $7::text[], $8::int[], $9::bigint[])
                AS k (org_id, project_id, hour, metric_name, cohort, feature, topic, partition, revision)"""
_IS_MERGED = """p.org_id = k.org_id AND p.project_id = k.project_id AND p.hour = k.hour
                AND p.metric_name = k.metric_name AND p.cohort = k.cohort AND p.feature = k.feature
                AND p.topic = k.topic AND p.partition = k.partition AND p.revision = k.revision
                AND p.hour BETWEEN $10 AND $11"""
_LOCK = f"""SELECT count(*) FROM {_REVISIONS},
            LATERAL (SELECT FROM partial AS p WHERE {_IS_MERGED} OFFSET 0 FOR NO KEY UPDATE) AS l"""
_CLEAN = f"UPDATE partial AS p SET dirty = false FROM {_REVISIONS} WHERE {_IS_MERGED}"


@dataclass(frozen=True, slots=True)
class Closable:
    """A project that may close its hours up to `through` (a whole hour, exclusive).

    `first_event` is where its clock begins; `oldest` is its oldest hour of all, backfilled ones too.
    """

    org_id: UUID
    project_id: UUID
    through: datetime
    first_event: datetime
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a project is closed, and the time zone of its days."""

    closed_through: datetime
    day_closed_through: date
    timezone: str


@dataclass(frozen=True, slots=True)
class HourCell:
    """One merged Telemetry row to be."""

    hour: datetime
    metric: Metric
    cohort: str
    feature: str
    cell: Cell

    def measure(self) -> Measure | None:
        """Return its value, None where nothing is counted: an earlier point may have taken it all back."""
        return self.cell.measure(self.metric) if self.cell.samples else None


async def closable(
    connection: Connection, consumer: str, grace: timedelta, idle_after: timedelta, lateness: timedelta
) -> list[Closable]:
    """Return the projects with hours to close or late partials to merge.

    History holds no hour open and closes none, unless a project has nothing else. Imported rows are of
    hours that are complete: they come from no partition, and are closed through the last of them. A topic
    that was bound to the project and is no more is read by nobody, and keeps no hour open either.
    """
    rows = await connection.fetch(
        """WITH mark AS (
               SELECT w.org_id, w.project_id, split_part(w.topic, '.', 1) = ANY ($5) AS history,
                      min(CASE WHEN w.topic = $6 THEN w.event_time
                               WHEN l.caught_up_at - w.seen_at >= $3::interval
                               THEN greatest(w.event_time, l.caught_up_at) - $2::interval
                               ELSE w.event_time - $2::interval END) AS through,
                      min(w.first_event) AS first_event
               FROM project_watermark w
               LEFT JOIN partition_ledger l
                   ON (l.consumer, l.topic, l.partition) = ($1, w.topic, w.partition)
               WHERE w.seen_at > clock_timestamp() - $4::interval
                 AND (l.consumer IS NOT NULL OR w.topic = $6)
                 AND (strpos(w.topic, '.') = 0 OR EXISTS (
                     SELECT FROM topic_binding b
                     WHERE (b.org_id, b.project_id, b.topic) = (w.org_id, w.project_id, w.topic)
                       AND b.unbound_at IS NULL))
               GROUP BY 1, 2, 3),
           best AS (SELECT DISTINCT ON (org_id, project_id) org_id, project_id,
                           date_trunc('hour', through) AS through,
                           date_trunc('hour', first_event) AS first_event
                    FROM mark ORDER BY org_id, project_id, history)
           SELECT b.org_id, b.project_id, greatest(b.through, c.closed_through) AS through, b.first_event,
                  (SELECT date_trunc('hour', min(w.first_event)) FROM project_watermark w
                   WHERE w.org_id = b.org_id AND w.project_id = b.project_id) AS oldest
           FROM best b LEFT JOIN project_clock c USING (org_id, project_id)
           WHERE b.through > coalesce(c.closed_through, b.first_event)
              OR EXISTS (SELECT FROM partial p
                         WHERE p.org_id = b.org_id AND p.project_id = b.project_id AND p.dirty
                           AND p.hour < c.closed_through)""",
        consumer,
        grace,
        idle_after,
        lateness,
        list(history.SOURCES),
        history.IMPORT,
    )
    return [Closable(*row) for row in rows]


async def take_clock(connection: Connection, project: Closable) -> Clock | None:
    """Lock a project's clock for this transaction; None while another worker closes it."""
    await connection.execute(
        """INSERT INTO project_clock (org_id, project_id, closed_through, day_closed_through)
           SELECT $1, $2, $3, ($3::timestamptz AT TIME ZONE o.timezone)::date - 1
           FROM organization o WHERE o.id = $1 ON CONFLICT DO NOTHING""",
        project.org_id,
        project.project_id,
        project.first_event,
    )
    row = await connection.fetchrow(
        """SELECT c.closed_through, c.day_closed_through, o.timezone
           FROM project_clock c JOIN organization o ON o.id = c.org_id
           WHERE c.org_id = $1 AND c.project_id = $2 FOR UPDATE OF c SKIP LOCKED""",
        project.org_id,
        project.project_id,
    )
    return Clock(*row) if row else None


async def set_clock(connection: Connection, project: Closable, through: datetime, day: date) -> None:
    """Move a project's clock on."""
    await connection.execute(
        """UPDATE project_clock SET closed_through = $3, day_closed_through = $4,
               day_closed_at = CASE WHEN day_closed_through = $4 THEN day_closed_at ELSE clock_timestamp() END
           WHERE org_id = $1 AND project_id = $2""",
        project.org_id,
        project.project_id,
        through,
        day,
    )


async def dirty_partials(
    connection: Connection, project: Closable, span: tuple[datetime, datetime], most_hours: int
) -> list[asyncpg.Record]:
    """Return all partials, changed or not, of the series with a changed one in `span`: oldest hours first."""
    found = await connection.fetch(
        """SELECT DISTINCT hour FROM partial
           WHERE org_id = $1 AND project_id = $2 AND dirty AND hour >= $3 AND hour < $4
           ORDER BY hour LIMIT $5""",
        project.org_id,
        project.project_id,
        *span,
        most_hours,
    )
    hours = [row["hour"] for row in found]
    if not hours:
        return []
    # OFFSET 0 keeps this a look-up a series: on a table that grew since it was analysed, a planner that
    # is free to choose scans all of it for each. The span of hours tells it which months it need not open.
    return await connection.fetch(
        """SELECT p.* FROM (
               SELECT DISTINCT hour, metric_name, cohort, feature FROM partial
               WHERE org_id = $1 AND project_id = $2 AND dirty AND hour = ANY ($3)
                 AND hour BETWEEN $4 AND $5) AS k,
           LATERAL (SELECT * FROM partial
                    WHERE org_id = $1 AND project_id = $2 AND hour = k.hour AND metric_name = k.metric_name
                      AND cohort = k.cohort AND feature = k.feature
                      AND hour BETWEEN $4 AND $5 OFFSET 0) AS p""",
        project.org_id,
        project.project_id,
        hours,
        hours[0],
        hours[-1],
    )


async def has_more(connection: Connection, project: Closable, through: datetime) -> bool:
    """Say whether hours before `through` have changed and are still to be merged."""
    found = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM partial
               WHERE org_id = $1 AND project_id = $2 AND dirty AND hour >= $3 AND hour < $4)""",
        project.org_id,
        project.project_id,
        project.oldest,
        through,
    )
    return bool(found)


def merged(rows: Sequence[Any]) -> list[HourCell]:
    """Merge partials of all source partitions, by hour and series."""
    cells: dict[tuple[datetime, Metric, str, str], Cell] = {}
    for row in rows:
        key = (row["hour"], Metric(row["metric_name"]), row["cohort"], row["feature"])
        cell = cell_of(row)
        cells[key] = cells[key] | cell if key in cells else cell
    return [HourCell(*key, cells[key]) for key in sorted(cells)]


async def write_telemetry(
    connection: Connection, project: Closable, hours: Sequence[HourCell], final_before: datetime
) -> int:
    """Upsert Telemetry rows, each a revision later than before; return how many.

    An hour of which nothing is left has none.
    """
    measured = [(each, each.measure()) for each in hours]
    rows = [(each, measure) for each, measure in measured if measure]
    if len(rows) < len(measured):
        await _take_back(connection, project, [each for each, measure in measured if not measure])
    await connection.execute(
        """INSERT INTO telemetry AS t (org_id, project_id, timestamp, metric_name, cohort, feature, id,
               metric_value, unit, numerator, denominator, sample_count, user_count,
               latency_sketch, users_sketch, positive_users_sketch, is_final, revision)
           SELECT $1, $2, s.*, s.timestamp < $17, 1
           FROM unnest($3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::numeric[],
                       $9::text[], $10::numeric[], $11::numeric[], $12::bigint[], $13::bigint[],
                       $14::bytea[], $15::bytea[], $16::bytea[])
                AS s (timestamp, metric_name, cohort, feature, id, metric_value, unit, numerator, denominator,
                      sample_count, user_count, latency_sketch, users_sketch, positive_users_sketch)
           ON CONFLICT (org_id, project_id, timestamp, metric_name, cohort, feature) DO UPDATE SET
               metric_value = EXCLUDED.metric_value, numerator = EXCLUDED.numerator,
               denominator = EXCLUDED.denominator, sample_count = EXCLUDED.sample_count,
               user_count = EXCLUDED.user_count, latency_sketch = EXCLUDED.latency_sketch,
               users_sketch = EXCLUDED.users_sketch,
               positive_users_sketch = EXCLUDED.positive_users_sketch,
               revision = t.revision + 1, updated_at = clock_timestamp()""",
        project.org_id,
        project.project_id,
        [each.hour for each, _ in rows],
        [str(each.metric) for each, _ in rows],
        [each.cohort for each, _ in rows],
        [each.feature for each, _ in rows],
        [telemetry_id(project.org_id, project.project_id, each) for each, _ in rows],
        [measure.value for _, measure in rows],
        [UNITS[each.metric] for each, _ in rows],
        [measure.numerator for _, measure in rows],
        [measure.denominator for _, measure in rows],
        [each.cell.samples for each, _ in rows],
        [each.cell.users.count() for each, _ in rows],
        [each.cell.latency.to_bytes() for each, _ in rows],
        [each.cell.users.to_bytes() for each, _ in rows],
        [each.cell.positive.to_bytes() for each, _ in rows],
        final_before,
    )
    return len(rows)


async def _take_back(connection: Connection, project: Closable, hours: Sequence[HourCell]) -> None:
    await connection.execute(
        """DELETE FROM telemetry AS t
           USING unnest($3::timestamptz[], $4::text[], $5::text[], $6::text[])
                 AS g (timestamp, metric_name, cohort, feature)
           WHERE t.org_id = $1 AND t.project_id = $2 AND t.timestamp = g.timestamp
             AND t.metric_name = g.metric_name AND t.cohort = g.cohort AND t.feature = g.feature
             AND t.timestamp BETWEEN $7 AND $8""",
        project.org_id,
        project.project_id,
        [each.hour for each in hours],
        [str(each.metric) for each in hours],
        [each.cohort for each in hours],
        [each.feature for each in hours],
        min(each.hour for each in hours),
        max(each.hour for each in hours),
    )


async def mark_clean(connection: Connection, rows: Sequence[Any]) -> None:
    """Note that these revisions of partials are merged; one that changed meanwhile stays dirty.

    Locked in the order of the key, as the ingest agent writes them: else the two would deadlock. The update
    itself goes through them in whatever order is fast.
    """
    revisions = sorted(tuple(row[name] for name in _REVISION) for row in rows if row["dirty"])
    if not revisions:
        return
    columns = [list(column) for column in zip(*revisions, strict=True)]
    for statement in (_LOCK, _CLEAN):
        await connection.execute(statement, *columns, min(columns[2]), max(columns[2]))


async def mark_final(connection: Connection, project: Closable, after: datetime, before: datetime) -> None:
    """Note that no late sample can change the rows in [after, before) any more."""
    await connection.execute(
        """UPDATE telemetry SET is_final = true
           WHERE org_id = $1 AND project_id = $2 AND timestamp >= $3 AND timestamp < $4""",
        project.org_id,
        project.project_id,
        after,
        before,
    )


def telemetry_id(org_id: UUID, project_id: UUID, each: HourCell) -> UUID:
    """Return the id that follows from what a row is about."""
    parts = (org_id, project_id, each.hour.isoformat(), each.metric, each.cohort, each.feature)
    return uuid5(TELEMETRY_IDS, "\x1f".join(map(str, parts)))
