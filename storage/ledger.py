"""The partition ledger: how far a consumer has come, moved in the transaction of the rows it stands for.

A move is a compare-and-set on position and epoch. The position alone would keep the totals right; the
epoch makes the old owner lose and not the new one (docs/ledger.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

RESET = "augentis ledger reset"
"""The owner of a partition that an operator has set, until a worker claims it."""

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


@dataclass(frozen=True, slots=True)
class Place:
    """A partition as one consumer group reads it."""

    consumer: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What an owner holds: the next offset to read and the epoch of the claim."""

    next_offset: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A ledger row, for people."""

    place: Place
    next_offset: int
    owner: str
    topic_id: str
    caught_up_at: datetime | None
    reset_at: datetime | None
    reset_from: int | None
    reset_reason: str | None


async def standing(connection: Connection, consumer: str, topic: str | None = None) -> list[Standing]:
    """Return where a consumer stands, in all topics or in one."""
    rows = await connection.fetch(
        """SELECT topic, partition, next_offset, owner, topic_id, caught_up_at,
                  reset_at, reset_from, reset_reason
           FROM partition_ledger WHERE consumer = $1 AND topic = coalesce($2, topic)
           ORDER BY topic, partition""",
        consumer,
        topic,
    )
    return [Standing(Place(consumer, *row[:2]), *row[2:]) for row in rows]


async def reset(connection: Connection, place: Place, offset: int, topic_id: str, reason: str) -> None:
    """Set where a partition is read on, and fence whoever holds it."""
    await connection.execute(
        """INSERT INTO partition_ledger AS l
               (consumer, topic, partition, next_offset, epoch, owner, topic_id, reset_reason,
                fresh_at, reset_at)
           VALUES ($1, $2, $3, $4, 1, $5, $6, $7, clock_timestamp(), clock_timestamp())
           ON CONFLICT (consumer, topic, partition) DO UPDATE SET
               next_offset = EXCLUDED.next_offset, epoch = l.epoch + 1, owner = EXCLUDED.owner,
               topic_id = EXCLUDED.topic_id, caught_up_at = NULL, fresh_at = EXCLUDED.fresh_at,
               reset_at = EXCLUDED.reset_at, reset_from = l.next_offset,
               reset_reason = EXCLUDED.reset_reason""",
        place.consumer,
        place.topic,
        place.partition,
        offset,
        RESET,
        topic_id,
        reason,
    )


async def drop(connection: Connection, place: Place) -> None:
    """Forget a partition that the topic no longer has: it would hold hours open."""
    await connection.execute(
        "DELETE FROM partition_ledger WHERE consumer = $1 AND topic = $2 AND partition = $3",
        place.consumer,
        place.topic,
        place.partition,
    )


async def were_reset(connection: Connection, places: Sequence[Place]) -> list[Place]:
    """Return those of `places` that an operator has set and nobody has claimed since."""
    rows = await connection.fetch(
        """SELECT consumer, topic, partition FROM partition_ledger
           WHERE owner = $4 AND (consumer, topic, partition) IN (
               SELECT * FROM unnest($1::text[], $2::text[], $3::int[]))""",
        *_columns(places),
        RESET,
    )
    return [Place(*row) for row in rows]


async def known(connection: Connection, places: Sequence[Place]) -> set[Place]:
    """Return those of `places` that have a ledger row."""
    rows = await connection.fetch(
        """SELECT l.consumer, l.topic, l.partition FROM partition_ledger l
           JOIN unnest($1::text[], $2::text[], $3::int[]) AS p (consumer, topic, partition)
           USING (consumer, topic, partition)""",
        *_columns(places),
    )
    return {Place(*row) for row in rows}


async def claim(
    connection: Connection, owner: str, starts: dict[Place, int], topic_ids: Mapping[str, str]
) -> dict[Place, tuple[Claim, str]]:
    """Take over the partitions in `starts`: everybody who held them before loses them.

    Returns the claim of each, and the id of the topic that its offset is of.

    Args:
        connection: inside a transaction.
        owner: the worker's name, for people.
        starts: partitions and the offset at which one without a ledger row begins.
        topic_ids: Kafka's id of each topic, kept with new rows.
    """
    places = sorted(starts, key=lambda place: (place.consumer, place.topic, place.partition))
    claims = {}
    for place in places:  # in one order everywhere: two workers that claim the same never deadlock
        row = await connection.fetchrow(
            """INSERT INTO partition_ledger AS l
                   (consumer, topic, partition, next_offset, epoch, owner, topic_id, fresh_at)
               VALUES ($1, $2, $3, $4, 1, $5, $6, clock_timestamp())
               ON CONFLICT (consumer, topic, partition) DO UPDATE
                   SET epoch = l.epoch + 1, owner = EXCLUDED.owner, fresh_at = clock_timestamp()
               RETURNING next_offset, epoch, topic_id""",
            place.consumer,
            place.topic,
            place.partition,
            starts[place],
            owner,
            topic_ids[place.topic],
        )
        assert row is not None  # noqa: S101  # an upsert returns its row
        claims[place] = (Claim(row["next_offset"], row["epoch"]), row["topic_id"])
    return claims


async def move(connection: Connection, place: Place, held: Claim, new_offset: int) -> bool:
    """Move a partition from the position held to `new_offset`; False if it is no longer held.

    First statement of its transaction: it takes the row's lock, so that a rival waits before it writes.
    """
    done = await connection.execute(
        """UPDATE partition_ledger SET next_offset = $1, fresh_at = clock_timestamp()
           WHERE consumer = $2 AND topic = $3 AND partition = $4 AND next_offset = $5 AND epoch = $6""",
        new_offset,
        place.consumer,
        place.topic,
        place.partition,
        held.next_offset,
        held.epoch,
    )
    return bool(done == "UPDATE 1")


async def position(connection: Connection, place: Place) -> Claim | None:
    """Return where a partition stands and under which epoch."""
    row = await connection.fetchrow(
        """SELECT next_offset, epoch FROM partition_ledger
           WHERE consumer = $1 AND topic = $2 AND partition = $3""",
        place.consumer,
        place.topic,
        place.partition,
    )
    return Claim(row["next_offset"], row["epoch"]) if row else None


async def now(connection: Connection) -> datetime:
    """Return the database's clock: the only one that a stopped worker cannot stop."""
    at: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return at


async def caught_up(connection: Connection, held: dict[Place, tuple[Claim, datetime]]) -> None:
    """Note when partitions were last read to their end: a database time from before the look at it."""
    places = list(held)
    await connection.execute(
        """UPDATE partition_ledger AS l
           SET caught_up_at = greatest(l.caught_up_at, h.at), fresh_at = clock_timestamp()
           FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::timestamptz[])
                AS h (consumer, topic, partition, next_offset, epoch, at)
           WHERE (l.consumer, l.topic, l.partition, l.next_offset, l.epoch)
               = (h.consumer, h.topic, h.partition, h.next_offset, h.epoch)""",
        *_columns(places),
        [held[place][0].next_offset for place in places],
        [held[place][0].epoch for place in places],
        [held[place][1] for place in places],
    )


def _columns(places: Sequence[Place]) -> tuple[list[str], list[str], list[int]]:
    return (
        [place.consumer for place in places],
        [place.topic for place in places],
        [place.partition for place in places],
    )
