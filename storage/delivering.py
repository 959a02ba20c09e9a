"""What relays do with deliveries: take a channel's lane, read its heads, note what became of them.

A lane that is taken is leased: while the lease holds, one relay alone sends what is in it, and what became of
it is noted under that lease alone. Times are PostgreSQL's; what is passed in are spans of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from storage.ledger import Connection

GIVEN_UP_AT_ONCE = 10_000
"""Rows of one transaction."""
ERROR_LENGTH = 500
OF_ONE = 8
"""Lanes of one organisation that are leased at once: receivers that hang are to hold up nobody else's."""
MOST_FAILURES = 1000
"""More are not counted: the circuit is open for the longest time by then."""
EVER = timedelta(days=36500)
CLOSED = "the channel is disabled"


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane that is ours until `lease` ends, and its channel as it was `at` the taking.

    `closed` is why nothing is sent there any more; None, if something is.
    """

    org_id: UUID
    channel_id: UUID
    lease: UUID
    at: datetime
    failures: int
    tokens: float
    tokens_at: datetime | None
    org_slug: str
    version: int
    kind: str
    name: str
    settings: Mapping[str, Any]
    sealed: bytes | None
    rate_per_minute: int
    closed: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """The first that waits in a thread; `attempts` were made of it. No `body`: it is made as it is sent."""

    id: UUID
    thread_id: UUID
    kind: str
    body: bytes | None
    headers: dict[str, str]
    attempts: int
    created_at: datetime
    pending_since: datetime


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a head: sent; dead, and why; or still pending, and when it is tried again."""

    id: UUID
    status: Literal["SENT", "DEAD", "PENDING"]
    error: str | None = None
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lane stands after a round: its circuit, its rate, and how long it is left alone at least.

    `refill` is how long after `tokens_at` its rate lets the next one through. What waits since before
    `given_up_before` (None: nothing) is dead, for the reason `why`. `gone` is why its receiver wants nothing
    any more, so that the channel is disabled; None, if it may want something.
    """

    failures: int
    open_for: timedelta | None
    tokens: float
    tokens_at: datetime
    refill: timedelta
    rest: timedelta = timedelta(0)
    given_up_before: datetime | None = None
    why: str = ""
    gone: str | None = None


async def take(connection: Connection, most: int, lease_for: timedelta) -> list[Lane]:
    """Lease lanes that are due, the one that waits longest first; what another holds is passed over.

    Of one organisation no more than `OF_ONE` are leased at once.
    """
    rows = await connection.fetch(
        # `place` is the lane's among those of its organisation that are leased, or would be.
        """WITH waiting AS (
               SELECT l.org_id, l.channel_id, l.due_at,
                      row_number() OVER (PARTITION BY l.org_id ORDER BY l.due_at) + (
                          SELECT count(*) FROM alert_lane AS o
                          WHERE o.org_id = l.org_id AND o.leased_until > statement_timestamp()) AS place
               FROM alert_lane AS l
               WHERE l.due_at <= statement_timestamp()
                   AND coalesce(l.leased_until <= statement_timestamp(), true)),
           due AS (
               SELECT l.org_id, l.channel_id
               FROM waiting AS w JOIN alert_lane AS l ON l.org_id = w.org_id AND l.channel_id = w.channel_id
               WHERE w.place <= $5 AND l.due_at <= statement_timestamp()
                   AND coalesce(l.leased_until <= statement_timestamp(), true)
               ORDER BY w.due_at LIMIT $1 FOR UPDATE OF l SKIP LOCKED),
           taken AS (
               UPDATE alert_lane AS l SET lease = $2, leased_until = clock_timestamp() + $3::interval,
                      due_at = clock_timestamp() + $3::interval
               FROM due WHERE l.org_id = due.org_id AND l.channel_id = due.channel_id RETURNING l.*)
           SELECT t.org_id, t.channel_id, t.lease, clock_timestamp() AS at, t.failures, t.tokens, t.tokens_at,
                  o.slug AS org_slug, c.version, c.kind, c.name, c.settings, c.sealed, c.rate_per_minute,
                  CASE WHEN c.removed_at IS NOT NULL THEN 'the channel was deleted'
                       WHEN c.disabled_at IS NOT NULL THEN $4 || ': ' || c.disabled_reason END AS closed
           FROM taken AS t
           JOIN alert_channel AS c ON c.org_id = t.org_id AND c.id = t.channel_id
           JOIN organization AS o ON o.id = t.org_id""",
        most,
        uuid4(),
        lease_for,
        CLOSED,
        OF_ONE,
    )
    return [Lane(**{**row, "settings": json.loads(row["settings"])}) for row in rows]


async def heads(connection: Connection, lanes: Sequence[Lane], most: Sequence[int]) -> list[list[Head]]:
    """Return the due heads of each lane, those that wait longest first, `most` of each."""
    rows = await connection.fetch(
        # A look-up a lane by its own index, whatever waits in others.
        """SELECT l.place, d.id, d.thread_id, d.kind, d.body, d.headers, d.attempts, d.created_at,
                  d.pending_since
           FROM unnest($1::uuid[], $2::uuid[], $3::int[]) WITH ORDINALITY
                AS l (org_id, channel_id, most, place),
                LATERAL (SELECT * FROM alert_delivery AS h
                         WHERE h.org_id = l.org_id AND h.channel_id = l.channel_id
                             AND h.next_attempt_at <= statement_timestamp()
                         ORDER BY h.next_attempt_at LIMIT l.most) AS d""",
        [lane.org_id for lane in lanes],
        [lane.channel_id for lane in lanes],
        most,
    )
    found: list[list[Head]] = [[] for _ in lanes]
    for row in rows:
        named = {**row, "headers": json.loads(row["headers"])}
        found[named.pop("place") - 1].append(Head(**named))
    return found


async def settle(
    connection: Connection, lane: Lane, fates: Sequence[Fate], standing: Standing, *, release: bool = True
) -> int | None:
    """Note what became of heads and where the lane stands, and give it back; return how many were given up.

    None: the lease was lost, and nothing is noted: whoever has the lane now sends them again. Without
    `release` nobody else has it before the lease ends: something may still be on its way.
    """
    async with connection.transaction():
        # The channel before its lane, as whoever edits a channel does.
        if standing.gone and await _disable(connection, lane, standing.gone):
            standing = replace(standing, given_up_before=lane.at + EVER, why=f"{CLOSED}: {standing.gone}")
        version = await connection.fetchval(
            """SELECT c.version FROM alert_lane AS l
               JOIN alert_channel AS c ON c.org_id = l.org_id AND c.id = l.channel_id
               WHERE l.org_id = $1 AND l.channel_id = $2 AND l.lease = $3 FOR UPDATE OF l""",
            lane.org_id,
            lane.channel_id,
            lane.lease,
        )
        if version is None:
            return None
        ended = await _note(connection, lane, fates)
        given_up = await _give_up(connection, lane, standing)
        threads = list({*ended, *given_up})
        await connection.execute(
            "SELECT public.promote_heads($1, $2, $3)", lane.org_id, lane.channel_id, threads
        )
        if version != lane.version:
            # What the channel was before says nothing of what it is now.
            standing = replace(standing, failures=0, open_for=None, rest=timedelta(0))
        await _stand(connection, lane, standing, release=release)
        return len(given_up)


async def _disable(connection: Connection, lane: Lane, reason: str) -> bool:
    """Disable the channel, if the lane is ours and nobody changed it meanwhile."""
    done: str = await connection.execute(
        """UPDATE alert_channel AS c SET disabled_at = clock_timestamp(), disabled_reason = $4
           WHERE c.org_id = $1 AND c.id = $2 AND c.version = $5 AND c.disabled_at IS NULL
               AND EXISTS (SELECT FROM alert_lane AS l
                           WHERE l.org_id = $1 AND l.channel_id = $2 AND l.lease = $3)""",
        lane.org_id,
        lane.channel_id,
        lane.lease,
        _words(reason),
        lane.version,
    )
    return done == "UPDATE 1"


async def _note(connection: Connection, lane: Lane, fates: Sequence[Fate]) -> list[UUID]:
    """Return the threads whose heads have ended."""
    rows = await connection.fetch(
        # A head that somebody put another before is no head any more: it is tried after that one.
        """UPDATE alert_delivery AS d
           SET status = f.status, attempts = d.attempts + 1, last_error = f.error,
               sent_at = CASE WHEN f.status = 'SENT' THEN clock_timestamp() END,
               body = CASE WHEN f.status = 'SENT' THEN NULL ELSE d.body END,
               next_attempt_at = CASE WHEN f.status = 'PENDING' AND d.next_attempt_at IS NOT NULL
                                      THEN clock_timestamp() + f.wait END
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::interval[]) AS f (id, status, error, wait)
           WHERE d.org_id = $1 AND d.id = f.id AND d.status = 'PENDING'
           RETURNING d.thread_id, d.status""",
        lane.org_id,
        [fate.id for fate in fates],
        [fate.status for fate in fates],
        [None if fate.error is None else _words(fate.error) for fate in fates],
        [fate.wait for fate in fates],
    )
    return [row["thread_id"] for row in rows if row["status"] != "PENDING"]


async def _give_up(connection: Connection, lane: Lane, standing: Standing) -> list[UUID]:
    """Give up what waits for too long, and return the thread of each."""
    if standing.given_up_before is None:
        return []
    rows = await connection.fetch(
        """UPDATE alert_delivery AS d SET status = 'DEAD', next_attempt_at = NULL, last_error = $4
           WHERE d.org_id = $1 AND d.id IN (
               SELECT id FROM alert_delivery
               WHERE org_id = $1 AND channel_id = $2 AND status = 'PENDING' AND pending_since < $3
               ORDER BY pending_since LIMIT $5)
           RETURNING d.thread_id""",
        lane.org_id,
        lane.channel_id,
        standing.given_up_before,
        _words(standing.why),
        GIVEN_UP_AT_ONCE,
    )
    return [row["thread_id"] for row in rows]


async def _stand(connection: Connection, lane: Lane, standing: Standing, *, release: bool) -> None:
    await connection.execute(
        """UPDATE alert_lane AS l SET
               lease = CASE WHEN NOT $9 THEN l.lease END,
               leased_until = CASE WHEN NOT $9 THEN l.leased_until END,
               failures = $3, tokens = $5, tokens_at = $6,
               open_until = clock_timestamp() + nullif(greatest($4::interval, $8::interval), interval '0'),
               due_at = CASE WHEN next.at IS NOT NULL THEN greatest(
                   next.at, $6::timestamptz + $7::interval, clock_timestamp() + $8::interval,
                   clock_timestamp() + $4::interval, CASE WHEN NOT $9 THEN l.leased_until END) END
           FROM (SELECT min(next_attempt_at) AS at FROM alert_delivery
                 WHERE org_id = $1 AND channel_id = $2 AND next_attempt_at IS NOT NULL) AS next
           WHERE l.org_id = $1 AND l.channel_id = $2""",
        lane.org_id,
        lane.channel_id,
        min(standing.failures, MOST_FAILURES),
        standing.open_for,
        standing.tokens,
        standing.tokens_at,
        standing.refill,
        standing.rest,
        release,
    )


async def waiting(connection: Connection) -> tuple[int, timedelta]:
    """Return how many circuits are open, and for how long the oldest delivery waits, of all organisations."""
    row = await connection.fetchrow(
        # By lane: what waits is not counted.
        """SELECT count(*) FILTER (WHERE l.open_until > now()),
                  coalesce(clock_timestamp() - min(oldest.since), interval '0')
           FROM alert_lane AS l LEFT JOIN LATERAL (
               SELECT d.pending_since AS since FROM alert_delivery AS d
               WHERE d.org_id = l.org_id AND d.channel_id = l.channel_id AND d.status = 'PENDING'
               ORDER BY d.pending_since LIMIT 1) AS oldest ON true
           WHERE l.due_at IS NOT NULL"""
    )
    assert row is not None  # noqa: S101  # an aggregate returns one
    return int(row[0]), row[1]


def _words(said: str) -> str:
    """Return what a receiver said as the database takes it: whatever it is, it stops no relay."""
    text = said.encode(errors="replace").decode().replace("\0", "")
    return text[:ERROR_LENGTH] or "it did not say why"
