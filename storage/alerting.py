"""What is due to be looked at, and what is noted of a look: for the notifier (ADR 0030).

All of it is of one organisation at a time, whose turn a transaction has: what a channel was told is read and
written by one notifier alone. Whoever changes a report waits for its row of `alert_due` until it is decided.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from detectors.divergence import Classification
from routing.decide import Decision
from routing.standing import Pair, Told, gravity
from storage.ledger import Connection

CHANNEL = "augentis_alerts"
"""NOTIFY wakes the notifiers; they look by a timer too, since a notice can be missed."""
AGAIN = timedelta(seconds=1)
LONGEST_WAIT = timedelta(hours=1)
"""A route's `group_wait` at most: whoever may be told within it may be part of a storm."""
TOLD = (
    *("channel_id", "subject_id", "subject_kind", "project_id", "route_id", "thread_id", "thread_kind"),
    *("state", "classification", "first_told_at", "told_at", "reminded_at", "refreshed_at", "escalated_at"),
    "acknowledged_told",
)
"""Columns of `alert_told` but the organisation's."""
_TYPES = (
    *("uuid", "uuid", "text", "uuid", "uuid", "uuid", "text", "text", "text"),
    *["timestamptz"] * 5,
    "boolean",
)

_WORSE = """EXISTS (
    SELECT FROM divergence_report AS r JOIN alert_told AS t ON t.org_id = r.org_id AND t.subject_id = r.id
    WHERE r.org_id = $1 AND {} AND r.state IN ('OPEN', 'ACKNOWLEDGED') AND t.state = 'TOLD'
      AND array_position($5::text[], r.classification) > array_position($5::text[], t.classification))"""


class Due(NamedTuple):
    """A subject that is due: since when, and whether some channel is told of it for the first time."""

    kind: str
    id: UUID
    due_at: datetime
    begins: bool


async def next_organization(connection: Connection, at: datetime, but: Collection[UUID]) -> UUID | None:
    """Return the organisation that has waited longest for a look, of others than these; no closed one."""
    query = """SELECT d.org_id FROM alert_due AS d WHERE d.due_at <= $1 AND d.org_id <> ALL ($2)
                   AND EXISTS (SELECT FROM organization AS o WHERE o.id = d.org_id AND o.closed_at IS NULL)
               ORDER BY d.due_at LIMIT 1"""
    found: UUID | None = await connection.fetchval(query, at, list(but))
    return found


async def claim(connection: Connection, org_id: UUID, at: datetime, most: int) -> list[Due]:
    """Lock and return what is due, the longest first; what somebody changes just now comes after that."""
    rows = await connection.fetch(
        """SELECT subject_kind, subject_id, due_at, begins FROM alert_due
           WHERE org_id = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED""",
        org_id,
        at,
        most,
    )
    return [Due(*row) for row in rows]


async def claim_storm(
    connection: Connection, org_id: UUID, at: datetime, due: Sequence[Due], least: int, most: int
) -> list[Due]:
    """Lock and return what else is about to be told first, where with what is `due` it may be a storm."""
    if not any(each.begins for each in due):
        return []
    rows = await connection.fetch(
        """SELECT subject_kind, subject_id, due_at, begins FROM alert_due
           WHERE org_id = $1 AND due_at <= $2 AND begins AND subject_kind = 'report'
             AND subject_id <> ALL ($3) ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED""",
        org_id,
        at + LONGEST_WAIT,
        [each.id for each in due],
        most,
    )
    return [Due(*row) for row in rows] if len(rows) + len(due) >= least else []


async def claim_worse(
    connection: Connection, org_id: UUID, at: datetime, due: Sequence[Due], least: int, most: int
) -> list[Due]:
    """Lock and return what else is worse than some channel was told, where it may be a storm.

    That is where something is that is `due`, and there are `least` in all.
    """
    rows = await connection.fetch(
        f"""SELECT d.subject_kind, d.subject_id, d.due_at, d.begins FROM alert_due AS d
           WHERE d.org_id = $1 AND d.due_at <= $2 AND d.subject_kind = 'report' AND d.subject_id <> ALL ($3)
             AND {_WORSE.format("d.subject_id = r.id")}
             AND (SELECT {_WORSE.format("r.id = ANY ($3)")})
           ORDER BY d.due_at LIMIT $4 FOR UPDATE OF d SKIP LOCKED""",
        org_id,
        at,
        [each.id for each in due],
        most,
        [str(each) for each in sorted(Classification, key=gravity)],
    )
    return [Due(*row) for row in rows] if len(rows) + len(due) >= least else []


async def claim_incidents(
    connection: Connection, org_id: UUID, at: datetime, due: Sequence[Due], most: int
) -> list[Due]:
    """Lock and return what is about to be told first of the incidents of what is `due`."""
    if not any(each.begins for each in due):
        return []
    rows = await connection.fetch(
        """SELECT d.subject_kind, d.subject_id, d.due_at, d.begins
           FROM alert_due AS d JOIN divergence_report AS r ON r.org_id = d.org_id AND r.id = d.subject_id
           WHERE d.org_id = $1 AND d.due_at <= $2 AND d.begins AND d.subject_kind = 'report'
             AND d.subject_id <> ALL ($3) AND r.incident_id IN (
                 SELECT o.incident_id FROM divergence_report AS o WHERE o.org_id = $1 AND o.id = ANY ($3))
           LIMIT $4 FOR UPDATE OF d SKIP LOCKED""",
        org_id,
        at + LONGEST_WAIT,
        [each.id for each in due if each.begins],
        most,
    )
    known = {each.id for each in due}
    return [Due(*row) for row in rows if row["subject_id"] not in known]


async def sweep(connection: Connection, org_id: UUID, at: datetime) -> None:
    """Make all of an organisation due, since somebody changed who is told of what.

    What somebody holds is about to be due by itself, unless they undo it: so it is looked for again.
    """
    await connection.execute(
        """UPDATE alert_due SET due_at = $2 WHERE (org_id, subject_id) IN (
               SELECT org_id, subject_id FROM alert_due WHERE org_id = $1 AND due_at > $2
               FOR UPDATE SKIP LOCKED)""",
        org_id,
        at,
    )
    await connection.execute(
        """WITH held AS (SELECT FROM alert_due WHERE org_id = $1 AND due_at > $2 LIMIT 1),
                later AS (UPDATE alert_due SET due_at = $2 + $3::interval
                          WHERE org_id = $1 AND subject_kind = 'organization' AND EXISTS (TABLE held))
           DELETE FROM alert_due
           WHERE org_id = $1 AND subject_kind = 'organization' AND NOT EXISTS (TABLE held)""",
        org_id,
        at,
        AGAIN,
    )


async def note(connection: Connection, org_id: UUID, decision: Decision, at: datetime) -> None:
    """Write what was told, and when each subject is looked at again."""
    await _note_told(connection, org_id, decision.told)
    for column, pairs in (("reminded_at", decision.reminded), ("refreshed_at", decision.refreshed)):
        if pairs:
            await _touch(connection, org_id, column, pairs, at)
    await connection.execute(
        """UPDATE alert_due AS d SET due_at = coalesce(n.due_at, 'infinity'), begins = n.begins
           FROM unnest($2::uuid[], $3::timestamptz[], $4::boolean[]) AS n (id, due_at, begins)
           WHERE d.org_id = $1 AND d.subject_id = n.id""",
        org_id,
        list(decision.again),
        list(decision.again.values()),
        [subject in decision.waiting for subject in decision.again],
    )
    await forget(connection, org_id, decision.forgotten)


async def forget(connection: Connection, org_id: UUID, subjects: Collection[UUID]) -> None:
    """Look at these no more, but for news."""
    await connection.execute(
        "DELETE FROM alert_due WHERE org_id = $1 AND subject_id = ANY ($2)", org_id, list(subjects)
    )


async def put_off(connection: Connection, org_id: UUID, subject: UUID, until: datetime) -> None:
    """Look at a subject later, since something is wrong with it."""
    await connection.execute(
        "UPDATE alert_due SET due_at = $3 WHERE org_id = $1 AND subject_id = $2", org_id, subject, until
    )


async def _note_told(connection: Connection, org_id: UUID, rows: Sequence[Told]) -> None:
    if not rows:
        return
    flat = [_values(row) for row in rows]
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_TYPES, 2))
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in TOLD[4:])
    await connection.execute(
        f"""INSERT INTO alert_told (org_id, {", ".join(TOLD)})
            SELECT $1, n.* FROM unnest({arrays}) AS n
            ON CONFLICT (org_id, channel_id, subject_id) DO UPDATE SET {changed}""",
        org_id,
        *(list(column) for column in zip(*flat, strict=True)),
    )


def _values(row: Told) -> list[Any]:
    there = {"thread_id": row.thread.id, "thread_kind": row.thread.kind}
    return [there[name] if name in there else getattr(row, name) for name in TOLD]


async def _touch(
    connection: Connection, org_id: UUID, column: str, pairs: Collection[Pair], at: datetime
) -> None:
    await connection.execute(
        f"""UPDATE alert_told AS t SET {column} = $2
            FROM unnest($3::uuid[], $4::uuid[]) AS n (channel_id, thread_id)
            WHERE t.org_id = $1 AND t.channel_id = n.channel_id AND t.thread_id = n.thread_id
              AND t.state <> 'DIGEST'""",
        org_id,
        at,
        [channel for channel, _ in pairs],
        [thread for _, thread in pairs],
    )
