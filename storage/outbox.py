"""The outbox: what must reach Kafka or a webhook, written in the transaction that caused it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from storage.ledger import Connection

OPERATOR = UUID(int=0)
"""The organisation of what belongs to no tenant."""
CHANNEL = "augentis_outbox"
"""NOTIFY wakes the relays; they look by a timer too, since a notice can be missed."""
MOST_BYTES = 32 << 20
"""What a relay holds at once: a dead letter may have tens of megabytes."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One thing to send. For a webhook, `topic` is the message's stable id."""

    org_id: UUID
    topic: str
    value: bytes
    key: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    destination: Literal["kafka", "webhook"] = "kafka"
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """A letter that waits, with its place in the outbox."""

    id: int
    attempts: int
    letter: Letter


async def put(connection: Connection, letters: Sequence[Letter]) -> None:
    """Write letters; they exist if and only if the transaction does."""
    if not letters:
        return
    await connection.execute(
        # The clock's time, not the transaction's: of two that a lock put in order, it is in that order too.
        """INSERT INTO outbox (org_id, destination, topic, key, value, headers, sealed, next_attempt_at)
           SELECT l.*, clock_timestamp()
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::jsonb[],
                       $7::boolean[]) AS l""",
        [letter.org_id for letter in letters],
        [letter.destination for letter in letters],
        [letter.topic for letter in letters],
        [letter.key for letter in letters],
        [letter.value for letter in letters],
        [json.dumps(letter.headers) for letter in letters],
        [letter.sealed for letter in letters],
    )
    await connection.execute(f"NOTIFY {CHANNEL}")


async def take_for_kafka(connection: Connection, most: int, most_bytes: int = MOST_BYTES) -> list[Due]:
    """Lock and return the oldest letters for Kafka, inside a transaction; other relays skip them.

    At most `most`, and no further one once they have `most_bytes` together.
    """
    rows = await connection.fetch(
        # In the order of the index: else each look would sort all that wait. OFFSET 0: a look-up a letter,
        # whatever the planner believes of a table that grows fast.
        """WITH due AS (
               SELECT org_id, id, next_attempt_at, coalesce(octet_length(value), 0) AS size FROM outbox
               WHERE destination = 'kafka' AND next_attempt_at <= clock_timestamp()
               ORDER BY next_attempt_at, id LIMIT $1 FOR UPDATE SKIP LOCKED),
           fit AS (SELECT *, sum(size) OVER (ORDER BY next_attempt_at, id) - size AS before FROM due)
           SELECT o.* FROM fit AS f,
               LATERAL (SELECT * FROM outbox WHERE org_id = f.org_id AND id = f.id OFFSET 0) AS o
           WHERE f.before < $2 ORDER BY f.next_attempt_at, f.id""",
        most,
        most_bytes,
    )
    return [_due(row) for row in rows]


async def drop(connection: Connection, letters: Sequence[Due]) -> None:
    """Erase what was accepted: a dead letter's bytes, or what an alert says, stay nowhere else."""
    await connection.execute(
        "DELETE FROM outbox WHERE org_id = ANY ($1) AND id = ANY ($2)",
        list({due.letter.org_id for due in letters}),
        [due.id for due in letters],
    )


async def lease_webhooks(connection: Connection, most: int, lease: timedelta) -> list[Due]:
    """Return due webhook letters and keep other relays off them for `lease`."""
    rows = await connection.fetch(
        """UPDATE outbox o SET next_attempt_at = clock_timestamp() + $2::interval, attempts = o.attempts + 1
           FROM (SELECT org_id, id FROM outbox
                 WHERE destination = 'webhook' AND next_attempt_at <= clock_timestamp()
                 ORDER BY next_attempt_at, id LIMIT $1 FOR UPDATE SKIP LOCKED) AS d
           WHERE (o.org_id, o.id) = (d.org_id, d.id) RETURNING o.*""",
        most,
        lease,
    )
    return sorted((_due(row) for row in rows), key=lambda due: due.id)


async def postpone(connection: Connection, due: Due, wait: timedelta, error: str) -> None:
    """Note why a webhook did not accept a letter, and when to try again."""
    await connection.execute(
        """UPDATE outbox SET next_attempt_at = clock_timestamp() + $3::interval, last_error = $4
           WHERE org_id = $1 AND id = $2""",
        due.letter.org_id,
        due.id,
        wait,
        error[:500],
    )


def _due(row: Any) -> Due:
    letter = Letter(
        row["org_id"],
        row["topic"],
        row["value"],
        row["key"],
        json.loads(row["headers"]),
        row["destination"],
        row["sealed"],
    )
    return Due(row["id"], row["attempts"], letter)
