"""What can be known of silence: when projects and cohorts of them were last heard, and in which hours before.

Nothing scans telemetry: hours are looked up one by one, by its key, and only of what has been quiet for a
while.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from storage.ledger import Connection

LIVE = ("raw_metrics", "otlp_metrics")
"""Topics of what happens now, with those that are bound under their names."""
GONE = timedelta(days=14)
"""What was not heard for so long when we first look has been silent since before there was anybody to ask."""
MOST_COHORTS = 50
"""Of a project that are looked at in one look, the last heard first."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A project that publishes: when it was last heard, by the clock, and through when it would have been."""

    project_id: UUID
    zone: ZoneInfo
    last: datetime
    through: datetime | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """A cohort of a project: its newest closed hour, and the newest of the project."""

    project_id: UUID
    cohort: str
    zone: ZoneInfo
    last: datetime
    newest: datetime
    metrics: Sequence[str]


async def organisations(connection: Connection) -> list[UUID]:
    """Return the organisations of which something may be noticed, or was."""
    rows = await connection.fetch(
        """SELECT o.id FROM organization AS o WHERE o.closed_at IS NULL AND (
               EXISTS (SELECT FROM project_watermark AS w WHERE w.org_id = o.id)
               OR EXISTS (SELECT FROM dead_letter AS l WHERE l.org_id = o.id)
               OR EXISTS (SELECT FROM alert_notice AS n WHERE n.org_id = o.id AND n.ended_at IS NULL))
           ORDER BY o.id"""
    )
    return [row[0] for row in rows]


async def projects(connection: Connection, org_id: UUID, consumer: str) -> list[Heard]:
    """Return the projects of an organisation that are not archived and have published, but for history.

    `through` is when each partition that may hold samples of the project was last read to its end: None where
    one never was. A worker that is away makes nobody silent.
    """
    rows = await connection.fetch(
        """WITH read AS MATERIALIZED (
               SELECT topic,
                      CASE WHEN bool_and(caught_up_at IS NOT NULL) THEN min(caught_up_at) END AS through
               FROM partition_ledger
               WHERE consumer = $2 AND split_part(topic, '.', 1) = ANY ($3) GROUP BY topic)
           SELECT p.id, o.timezone, w.last, (
                      SELECT CASE WHEN bool_and(r.through IS NOT NULL) THEN min(r.through) END FROM read AS r
                      WHERE strpos(r.topic, '.') = 0 OR EXISTS (
                          SELECT FROM topic_binding AS b
                          WHERE b.org_id = $1 AND b.project_id = p.id AND b.topic = r.topic
                            AND b.unbound_at IS NULL)) AS through
           FROM project AS p JOIN organization AS o ON o.id = p.org_id,
           LATERAL (SELECT max(seen_at) AS last FROM project_watermark
                    WHERE org_id = $1 AND project_id = p.id AND split_part(topic, '.', 1) = ANY ($3)) AS w
           WHERE p.org_id = $1 AND NOT p.is_archived AND w.last IS NOT NULL ORDER BY p.id""",
        org_id,
        consumer,
        list(LIVE),
    )
    return [Heard(row["id"], ZoneInfo(row["timezone"]), row["last"], row["through"]) for row in rows]


async def arrivals(
    connection: Connection, project: tuple[UUID, UUID], hours: Sequence[datetime], delay: timedelta
) -> list[datetime]:
    """Return when samples of those hours of a project came in, to the hour.

    An hour's row is made as the hour closes, `delay` after the samples: of what is sent once a day, the hours
    of a day all come in in one.
    """
    rows = await connection.fetch(
        """SELECT DISTINCT date_trunc('hour', t.created_at - $4::interval, 'UTC') AS came
           FROM unnest($3::timestamptz[]) AS h (hour), LATERAL (
               SELECT created_at FROM telemetry
               WHERE org_id = $1 AND project_id = $2 AND timestamp = h.hour AND timestamp BETWEEN $5 AND $6
               LIMIT 1) AS t""",
        *project,
        hours,
        delay,
        min(hours),
        max(hours),
    )
    return [row["came"] for row in rows]


async def cohorts(
    connection: Connection, org_id: UUID, rest: timedelta, others: Collection[tuple[UUID, str]]
) -> list[Cohort]:
    """Return the cohorts that are `rest` behind their project, and these others, as far as they are known."""
    rows = await connection.fetch(
        """WITH each AS (
               SELECT project_id, cohort, max(last_hour) AS last, array_agg(DISTINCT metric_name) AS metrics
               FROM series WHERE org_id = $1 AND last_hour IS NOT NULL GROUP BY 1, 2),
           all_of AS (SELECT *, max(last) OVER (PARTITION BY project_id) AS newest FROM each),
           quiet AS (
               SELECT *, row_number() OVER (PARTITION BY project_id ORDER BY last DESC, cohort) AS place
               FROM all_of WHERE last BETWEEN newest - $3::interval AND newest - $2::interval)
           SELECT a.*, o.timezone FROM all_of AS a
           JOIN project AS p ON p.org_id = $1 AND p.id = a.project_id AND NOT p.is_archived
           JOIN organization AS o ON o.id = p.org_id
           WHERE (a.project_id, a.cohort) IN (SELECT project_id, cohort FROM quiet WHERE place <= $6)
              OR (a.project_id, a.cohort) IN (SELECT * FROM unnest($4::uuid[], $5::text[]))
           ORDER BY a.project_id, a.cohort""",
        org_id,
        rest,
        GONE,
        [project_id for project_id, _ in others],
        [cohort for _, cohort in others],
        MOST_COHORTS,
    )
    return [_cohort(row) for row in rows]


def _cohort(row: Any) -> Cohort:
    zone = ZoneInfo(row["timezone"])
    return Cohort(row["project_id"], row["cohort"], zone, row["last"], row["newest"], row["metrics"])


async def filled(
    connection: Connection, project: tuple[UUID, UUID], hours: Sequence[datetime]
) -> list[datetime]:
    """Return those of the hours in which there is anything of a project, in order."""
    rows = await connection.fetch(
        """SELECT h.hour FROM unnest($3::timestamptz[]) AS h (hour), LATERAL (
               SELECT FROM telemetry
               WHERE org_id = $1 AND project_id = $2 AND timestamp = h.hour AND timestamp BETWEEN $4 AND $5
               LIMIT 1) AS t ORDER BY 1""",
        *project,
        hours,
        min(hours),
        max(hours),
    )
    return [row["hour"] for row in rows]


async def filled_by(
    connection: Connection, org_id: UUID, item: Cohort, hours: Sequence[datetime]
) -> list[datetime]:
    """Return those of the hours in which there is anything of a cohort, in order."""
    rows = await connection.fetch(
        """SELECT DISTINCT h.hour FROM unnest($3::timestamptz[]) AS h (hour), unnest($4::text[]) AS m (name),
           LATERAL (SELECT FROM telemetry
                    WHERE org_id = $1 AND project_id = $2 AND timestamp = h.hour AND metric_name = m.name
                      AND cohort = $5 AND timestamp BETWEEN $6 AND $7
                    LIMIT 1) AS t ORDER BY 1""",
        org_id,
        item.project_id,
        hours,
        item.metrics,
        item.cohort,
        min(hours),
        max(hours),
    )
    return [row["hour"] for row in rows]
