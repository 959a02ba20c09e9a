"""How the whole system stands, for its operator: a few numbers, found by an index or in a small table."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from storage.ledger import Connection
from storage.silence import GONE, LIVE

MOST = 10_000
"""What waits is counted so far: beyond, it is more than anybody should have."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """What waits for a destination: letters (`MOST` at most), and for how many seconds the oldest does."""

    letters: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds and counts, 0 where nothing is amiss; `notices` are those that are open, by kind."""

    at: datetime
    silence: float
    unread: float
    detection_lag: float
    notifier_lag: float
    deliveries_waiting: int
    deliveries_dead: int
    notices: dict[str, int]
    outbox: dict[str, Outbox]


async def measured(connection: Connection, consumer: str, now: datetime) -> Measured:
    """Return how the system stands at `now`, but for organisations that are closed: nobody serves them.

    `silence` is that of the project that was not heard for longest, of those that were within two weeks;
    `unread`, since when a partition of live samples or closed hours was not read to its end; `detection_lag`,
    for how long a closed day waits to be folded; `notifier_lag`, a subject to be looked at.
    """
    row = await connection.fetchrow(
        """SELECT (SELECT extract(epoch FROM $1::timestamptz - min(h.last)) FROM (
                       SELECT max(w.seen_at) AS last FROM project_watermark AS w
                       JOIN project AS p ON (p.org_id, p.id) = (w.org_id, w.project_id) AND NOT p.is_archived
                       JOIN organization AS o ON o.id = w.org_id AND o.closed_at IS NULL
                       WHERE split_part(w.topic, '.', 1) = ANY ($2)
                       GROUP BY w.org_id, w.project_id
                       HAVING max(w.seen_at) > $1::timestamptz - $3::interval) AS h),
                  (SELECT extract(epoch FROM $1 - min(coalesce(l.caught_up_at, l.fresh_at)))
                   FROM partition_ledger AS l
                   WHERE l.consumer = $4 AND split_part(l.topic, '.', 1) = ANY ($2 || '{telemetry_closed}')),
                  (SELECT extract(epoch FROM $1 - min(c.day_closed_at)) FROM project_clock AS c
                   JOIN organization AS o ON o.id = c.org_id AND o.closed_at IS NULL
                   WHERE EXISTS (
                       SELECT FROM detector_state AS s
                       JOIN assumption AS a ON (a.org_id, a.id) = (s.org_id, s.assumption_id)
                       WHERE a.org_id = c.org_id AND a.project_id = c.project_id AND a.superseded_at IS NULL
                         AND s.folded_through < c.day_closed_through)),
                  (SELECT extract(epoch FROM $1 - d.due_at) FROM alert_due AS d
                   WHERE d.due_at < 'infinity' AND EXISTS (
                       SELECT FROM organization AS o WHERE o.id = d.org_id AND o.closed_at IS NULL)
                   ORDER BY d.due_at LIMIT 1),
                  (SELECT count(*) FROM (SELECT FROM alert_delivery WHERE status = 'PENDING' LIMIT $5) AS d),
                  (SELECT count(*) FROM (SELECT FROM alert_delivery WHERE status = 'DEAD' LIMIT $5) AS d)""",
        now,
        list(LIVE),
        GONE,
        consumer,
        MOST,
    )
    assert row is not None  # noqa: S101  # a SELECT without FROM
    notices = await connection.fetch(
        """SELECT n.kind, count(*) FROM alert_notice AS n
           JOIN organization AS o ON o.id = n.org_id AND o.closed_at IS NULL
           WHERE n.ended_at IS NULL GROUP BY n.kind"""
    )
    outbox = await connection.fetch(
        """SELECT d.destination, count(w.created_at), extract(epoch FROM $1 - min(w.created_at))
           FROM unnest('{kafka,webhook}'::text[]) AS d (destination)
           LEFT JOIN LATERAL (
               SELECT o.created_at FROM outbox AS o
               WHERE o.destination = d.destination
               ORDER BY o.next_attempt_at LIMIT $2) AS w ON true GROUP BY 1""",
        now,
        MOST,
    )
    silence, unread, detection_lag, notifier_lag = (_seconds(span) for span in row[:4])
    return Measured(
        now,
        silence,
        unread,
        detection_lag,
        notifier_lag,
        deliveries_waiting=row[4],
        deliveries_dead=row[5],
        notices={row["kind"]: row["count"] for row in notices},
        outbox={name: Outbox(count, _seconds(age)) for name, count, age in outbox},
    )


def _seconds(span: Decimal | None) -> float:
    """Return a span that a clock of ours may have seen begin in its future, or none, as 0."""
    return max(0.0, float(span or 0))
