"""What is noticed of refused samples, and of detection that waits: counted by the database, by index."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from storage.ledger import Connection
from storage.silence import LIVE

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused of a project in an hour, by reason, and what was accepted; in samples."""

    project_id: UUID
    reasons: dict[str, int]
    accepted: int

    @property
    def count(self) -> int:
        """How many were refused: a whole record counts one, since nobody knows what was in it."""
        return sum(self.reasons.values())

    @property
    def share(self) -> float:
        """What share of all that was sent was refused."""
        return self.count / (self.count + self.accepted) if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Behind:
    """A project whose last day is closed `since` then, and so many assumptions that are not folded so far."""

    project_id: UUID
    closed_through: date
    folded_through: date | None
    since: datetime
    assumptions: int


async def refused(connection: Connection, org_id: UUID, now: datetime) -> list[Refused]:
    """Return the projects of which something live was refused in the hour before `now`.

    What was accepted is counted by the hour of its event, this one and the one before, and brought to one.
    """
    rows = await connection.fetch(
        """SELECT l.project_id, jsonb_object_agg(l.reason, l.samples) AS reasons, (
                      SELECT coalesce(sum(p.sample_count), 0)::float8 FROM partial AS p
                      WHERE p.org_id = $1 AND p.project_id = l.project_id AND p.hour >= $3 AND p.hour <= $2
                  ) AS accepted
           FROM (SELECT project_id, reason, sum(greatest(sample_count, 1))::bigint AS samples
                 FROM dead_letter
                 WHERE org_id = $1 AND refused_at > $4 AND refused_at <= $2
                   AND split_part(topic, '.', 1) = ANY ($5) GROUP BY 1, 2) AS l
           JOIN project AS o ON o.org_id = $1 AND o.id = l.project_id AND NOT o.is_archived
           GROUP BY l.project_id ORDER BY l.project_id""",
        org_id,
        now,
        (first := _hour_before(now)),
        now - HOUR,
        list(LIVE),
    )
    share = HOUR / (now - first)
    return [
        Refused(row["project_id"], json.loads(row["reasons"]), round(max(row["accepted"], 0.0) * share))
        for row in rows
    ]


async def behind(connection: Connection, org_id: UUID, before: datetime) -> list[Behind]:
    """Return the projects with a day that was closed before `before` and is not folded for all assumptions.

    Of an elasticity without a state nobody knows from when on it is judged: it waits for nothing here.
    """
    rows = await connection.fetch(
        """SELECT c.project_id, c.day_closed_through, min(s.folded_through) AS folded_through,
                  c.day_closed_at, count(*) AS assumptions
           FROM project_clock AS c
           JOIN project AS p ON p.org_id = c.org_id AND p.id = c.project_id AND NOT p.is_archived
           JOIN assumption AS a
               ON a.org_id = c.org_id AND a.project_id = c.project_id AND a.superseded_at IS NULL
           LEFT JOIN detector_state AS s ON s.org_id = a.org_id AND s.assumption_id = a.id
           WHERE c.org_id = $1 AND c.day_closed_at < $2 AND CASE WHEN s.assumption_id IS NULL
                 THEN a.created_at < c.day_closed_at AND a.unit <> 'elasticity'
                 ELSE s.folded_through < c.day_closed_through END
           GROUP BY 1, 2, 4 ORDER BY 1""",
        org_id,
        before,
    )
    return [Behind(*row) for row in rows]


def _hour_before(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) - HOUR
