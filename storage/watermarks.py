"""How far each project has come in event time, by source partition."""

from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from storage.ledger import Connection, Place

ProjectKey = tuple[UUID, UUID]


async def load(connection: Connection, place: Place) -> dict[ProjectKey, float]:
    """Return the newest event time (epoch seconds) of each project seen in a source partition."""
    rows = await connection.fetch(
        "SELECT org_id, project_id, event_time FROM project_watermark WHERE topic = $1 AND partition = $2",
        place.topic,
        place.partition,
    )
    return {(row["org_id"], row["project_id"]): row["event_time"].timestamp() for row in rows}


async def newest(connection: Connection | asyncpg.Pool, project: ProjectKey, topic: str) -> float | None:
    """Return how far (epoch seconds) a project has come in a topic, None where it was never seen."""
    at = await connection.fetchval(
        """SELECT max(event_time) FROM project_watermark
           WHERE org_id = $1 AND project_id = $2 AND topic = $3""",
        *project,
        topic,
    )
    return at.timestamp() if at else None


async def advance(connection: Connection, place: Place, seen: dict[ProjectKey, tuple[float, float]]) -> None:
    """Note for each project the first and the newest event time of a chunk; they only grow apart."""
    projects = sorted(seen)
    await connection.execute(
        """INSERT INTO project_watermark AS w
               (org_id, project_id, topic, partition, first_event, event_time, seen_at)
           SELECT s.org_id, s.project_id, $5, $6, s.first, s.newest, clock_timestamp()
           FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
                AS s (org_id, project_id, first, newest)
           ON CONFLICT (org_id, project_id, topic, partition) DO UPDATE SET
               first_event = least(w.first_event, EXCLUDED.first_event),
               event_time = greatest(w.event_time, EXCLUDED.event_time),
               seen_at = EXCLUDED.seen_at""",
        [org for org, _ in projects],
        [project for _, project in projects],
        [datetime.fromtimestamp(seen[each][0], UTC) for each in projects],
        [datetime.fromtimestamp(seen[each][1], UTC) for each in projects],
        place.topic,
        place.partition,
    )
