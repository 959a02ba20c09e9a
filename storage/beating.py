"""Heartbeats: which channels are due for one, and whether their organisation is served from end to end."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from storage import deliveries, watching
from storage.ledger import Connection
from storage.silence import LIVE

READ_WITHIN = timedelta(minutes=10)
"""How long ago each partition was read to its end, at most."""
CLOSED_WITHIN = timedelta(hours=2)
"""How long after its end, and the grace, an hour is closed, at the latest."""
JUDGED_WITHIN = timedelta(hours=1)
SENT_WITHIN = timedelta(minutes=5)
"""How long a letter waits for Kafka, or an alert for the notifier, at most."""
RECENT = timedelta(days=2)
SLACK = timedelta(seconds=10)
"""A heartbeat may be so much too early: looks are not in step with it."""


@dataclass(frozen=True, slots=True)
class Beating:
    """A channel that gets heartbeats, and when the last was put; `slug` is its organisation's."""

    org_id: UUID
    slug: str
    channel_id: UUID
    name: str
    kind: str
    settings: dict[str, Any]
    every: timedelta
    last: datetime | None

    @property
    def thread_id(self) -> UUID:
        """What its heartbeats are about."""
        return thread_of(self.channel_id)

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is time for the next."""
        return self.last is None or self.last + self.every - SLACK <= now


def thread_of(channel_id: UUID) -> UUID:
    """Return the thread of a channel's heartbeats."""
    return uuid5(deliveries.NAMESPACE, f"{channel_id}/heartbeat")


async def organisations(connection: Connection) -> list[UUID]:
    """Return the organisations of which a channel gets heartbeats."""
    rows = await connection.fetch(
        """SELECT o.id FROM organization AS o WHERE o.closed_at IS NULL AND EXISTS (
               SELECT FROM alert_channel AS c
               WHERE c.org_id = o.id AND c.heartbeat_every IS NOT NULL AND c.disabled_at IS NULL
                 AND c.removed_at IS NULL) ORDER BY o.id"""
    )
    return [row[0] for row in rows]


async def channels(connection: Connection, org_id: UUID) -> list[Beating]:
    """Return an organisation's channels that get heartbeats."""
    rows = await connection.fetch(
        """SELECT o.slug, c.id, c.name, c.kind, c.settings, c.heartbeat_every
           FROM alert_channel AS c JOIN organization AS o ON o.id = c.org_id
           WHERE c.org_id = $1 AND c.heartbeat_every IS NOT NULL AND c.disabled_at IS NULL
             AND c.removed_at IS NULL ORDER BY c.id""",
        org_id,
    )
    lasts = await _lasts(connection, org_id, [row["id"] for row in rows])
    return [
        Beating(
            org_id,
            row["slug"],
            row["id"],
            row["name"],
            row["kind"],
            json.loads(row["settings"]),
            row["heartbeat_every"],
            lasts.get(row["id"]),
        )
        for row in rows
    ]


async def _lasts(connection: Connection, org_id: UUID, channel_ids: list[UUID]) -> dict[UUID, datetime]:
    rows = await connection.fetch(
        """SELECT c.id, d.created_at FROM unnest($2::uuid[], $3::uuid[]) AS c (id, thread_id), LATERAL (
               SELECT created_at FROM alert_delivery
               WHERE org_id = $1 AND channel_id = c.id AND thread_id = c.thread_id
               ORDER BY sequence DESC LIMIT 1) AS d""",
        org_id,
        channel_ids,
        [thread_of(channel_id) for channel_id in channel_ids],
    )
    return {row["id"]: row["created_at"] for row in rows}


async def ailing(
    connection: Connection, org_id: UUID, consumer: str, grace: timedelta, now: datetime
) -> str | None:
    """Return what is not served for an organisation as it should be, None where all is."""
    row = await connection.fetchrow(
        """SELECT (SELECT coalesce(bool_and(l.caught_up_at IS NOT NULL AND l.caught_up_at > $3), false)
                   FROM partition_ledger AS l
                   WHERE l.consumer = $2 AND split_part(l.topic, '.', 1) = ANY ($4)
                     AND (strpos(l.topic, '.') = 0 OR EXISTS (
                         SELECT FROM topic_binding AS b
                         WHERE b.org_id = $1 AND b.topic = l.topic AND b.unbound_at IS NULL))) AS read,
                  NOT EXISTS (
                      SELECT FROM project AS p, LATERAL (
                          SELECT FROM partial AS d
                          WHERE d.org_id = p.org_id AND d.project_id = p.id AND d.dirty
                            AND d.hour >= $5 AND d.hour < $6 LIMIT 1) AS waiting
                      WHERE p.org_id = $1) AS closed,
                  NOT EXISTS (
                      SELECT FROM outbox AS o WHERE o.destination = 'kafka'
                        AND o.next_attempt_at < $7) AS sent,
                  NOT EXISTS (SELECT FROM alert_due AS a WHERE a.org_id = $1 AND a.due_at < $7) AS decided""",
        org_id,
        consumer,
        now - READ_WITHIN,
        [*LIVE, "telemetry_closed"],
        now - RECENT,
        now - CLOSED_WITHIN - grace,
        now - SENT_WITHIN,
    )
    assert row is not None  # noqa: S101  # a SELECT without FROM
    if not row["read"]:
        return "a partition is not read"
    if not row["closed"]:
        return "hours are not closed"
    if await watching.behind(connection, org_id, now - JUDGED_WITHIN):
        return "days are not judged"
    if not row["sent"]:
        return "the outbox is not emptied"
    return None if row["decided"] else "nobody decides whom an alert is for"
