"""What waits for the weekly digest, and what was told in one: rows of `alert_told` in state DIGEST.

One whose `reminded_at` is set was told. It stays as long as its report is open, so that it is told once; when
that becomes worse, the notifier tells it by itself, and when it is opened again, lets it wait anew.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from storage.ledger import Connection

LEDGERS = ("pagerduty", "alertmanager")
"""Kinds of channels that keep what is open by itself: what a digest opened there nobody would close."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation for which something waits; `zone` is the name of its time zone."""

    id: UUID
    slug: str
    zone: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that waits to be told in the digest of a channel; None of `snoozed_until`: it never was."""

    report_id: UUID
    project: str
    divergence_type: str
    classification: str
    summary: str
    gap: float
    detected_at: datetime
    snoozed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A channel that can be told something, and what waits for it; `before` reports it was told already."""

    channel_id: UUID
    kind: str
    settings: Mapping[str, Any]
    waiting: Sequence[Waiting]
    before: int


async def tenants(connection: Connection) -> list[Tenant]:
    """Return the organisations for which something waits."""
    rows = await connection.fetch(
        """SELECT o.id, o.slug, o.timezone FROM organization AS o
           WHERE o.closed_at IS NULL AND EXISTS (
               SELECT FROM alert_told AS t
               WHERE t.org_id = o.id AND t.state = 'DIGEST' AND t.reminded_at IS NULL)
           ORDER BY o.id"""
    )
    return [Tenant(*row) for row in rows]


async def drop_ended(connection: Connection, org_id: UUID) -> None:
    """Forget what has ended: who did not hear of it need not, and if it comes again it is news."""
    await connection.execute(
        """DELETE FROM alert_told AS t USING divergence_report AS r
           WHERE t.org_id = $1 AND t.state = 'DIGEST' AND r.org_id = t.org_id AND r.id = t.subject_id
             AND r.state NOT IN ('OPEN', 'ACKNOWLEDGED')""",
        org_id,
    )


async def recipients(connection: Connection, org_id: UUID, due: datetime) -> list[Recipient]:
    """Return the channels for which something waits since before `due`; it is this transaction's to tell."""
    rows = await connection.fetch(
        """SELECT t.channel_id, c.kind, c.settings::text AS settings, r.id AS report_id, p.name AS project,
                  r.divergence_type, r.classification, r.summary, r.relative_gap AS gap, r.detected_at,
                  r.snoozed_until
           FROM alert_told AS t
           JOIN alert_channel AS c ON c.org_id = t.org_id AND c.id = t.channel_id
           JOIN divergence_report AS r ON r.org_id = t.org_id AND r.id = t.subject_id
           JOIN project AS p ON p.org_id = r.org_id AND p.id = r.project_id
           WHERE t.org_id = $1 AND t.state = 'DIGEST' AND t.reminded_at IS NULL AND t.first_told_at < $2
             AND c.removed_at IS NULL AND c.disabled_at IS NULL AND c.kind <> ALL ($3)
             AND r.classification = 'COSMETIC' AND r.state IN ('OPEN', 'ACKNOWLEDGED')
           ORDER BY t.channel_id, t.subject_id FOR UPDATE OF t""",
        org_id,
        due,
        LEDGERS,
    )
    told = await connection.fetch(
        """SELECT channel_id, count(*) FROM alert_told
           WHERE org_id = $1 AND state = 'DIGEST' AND reminded_at IS NOT NULL GROUP BY channel_id""",
        org_id,
    )
    before, waiting = dict(map(tuple, told)), defaultdict(list)
    for row in rows:
        known = {name: row[name] for name in Waiting.__dataclass_fields__}
        waiting[row["channel_id"], row["kind"], row["settings"]].append(Waiting(**known))
    return [
        Recipient(channel_id, kind, json.loads(settings), found, before.get(channel_id, 0))
        for (channel_id, kind, settings), found in waiting.items()
    ]


async def told(connection: Connection, org_id: UUID, threads: Mapping[UUID, UUID]) -> set[UUID]:
    """Return the channels, of these with the ids of their digests, that have had theirs."""
    rows = await connection.fetch(
        """SELECT d.channel_id FROM alert_delivery AS d
           JOIN unnest($2::uuid[], $3::uuid[]) AS n (channel_id, thread_id) USING (channel_id, thread_id)
           WHERE d.org_id = $1""",
        org_id,
        list(threads),
        list(threads.values()),
    )
    return {row[0] for row in rows}


async def note_told(
    connection: Connection, org_id: UUID, channel_id: UUID, reports: Collection[UUID], at: datetime
) -> None:
    """Note that a channel's digest has told of these reports."""
    await connection.execute(
        """UPDATE alert_told SET told_at = $4, reminded_at = $4
           WHERE org_id = $1 AND channel_id = $2 AND subject_id = ANY ($3) AND state = 'DIGEST'""",
        org_id,
        channel_id,
        list(reports),
        at,
    )
