"""Dead letters as the database knows them: coordinates, reasons and whose they are; no payloads."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from storage.ledger import Connection

Known = tuple[UUID, UUID]
"""Organisation (nil: the operator's) and id of a letter."""


@dataclass(frozen=True, slots=True)
class Written:
    """A letter to be noted: what was refused, and where it lies. No `indices`: the whole record."""

    org_id: UUID
    id: UUID
    project_id: UUID | None
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    reason: str
    indices: Sequence[int]
    key_id: UUID | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters an operator means: None says all; `since` is about `refused_at`, inclusive."""

    reason: str | None = None
    since: datetime | None = None
    topic: str | None = None
    project_id: UUID | None = None

    def arguments(self) -> tuple[object, ...]:
        """Return the arguments of `_WANTED`."""
        return self.reason, self.since, self.topic, self.project_id


_LAST_MS = 253_402_300_799_000  # the end of the year 9999
_WANTED = """($1::text IS NULL OR reason = $1) AND ($2::timestamptz IS NULL OR refused_at >= $2)
    AND ($3::text IS NULL OR topic = $3) AND ($4::uuid IS NULL OR project_id = $4)"""


async def write(connection: Connection, letters: Sequence[Written]) -> None:
    """Note letters, in the transaction that refuses what they are about."""
    if not letters:
        return
    await connection.execute(
        """INSERT INTO dead_letter (org_id, id, project_id, topic, partition, record_offset, record_at,
                                    reason, indices, sample_count, key_id)
           SELECT l.org_id, l.id, l.project_id, l.topic, l.partition, l.record_offset,
                  to_timestamp(l.record_ms / 1000.0), l.reason, l.indices, jsonb_array_length(l.indices),
                  l.key_id
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::bigint[],
                       $7::bigint[], $8::text[], $9::jsonb[], $10::uuid[])
                AS l (org_id, id, project_id, topic, partition, record_offset, record_ms, reason, indices,
                      key_id)""",
        [letter.org_id for letter in letters],
        [letter.id for letter in letters],
        [letter.project_id for letter in letters],
        [letter.topic for letter in letters],
        [letter.partition for letter in letters],
        [letter.offset for letter in letters],
        # A producer may say any time, and a letter must not stop the stream.
        [min(max(letter.timestamp_ms, 0), _LAST_MS) for letter in letters],
        [letter.reason for letter in letters],
        [json.dumps(list(letter.indices)) for letter in letters],
        [letter.key_id for letter in letters],
    )


async def topics(connection: Connection) -> list[str]:
    """Return the topics that there are letters about."""
    return [row[0] for row in await connection.fetch("SELECT DISTINCT topic FROM dead_letter ORDER BY 1")]


async def not_replayed(
    connection: Connection, letters: Iterable[Known], since: datetime | None
) -> set[Known]:
    """Return those of `letters` that were refused at `since` or later and not published again yet."""
    listed = list(letters)
    rows = await connection.fetch(
        """SELECT l.org_id, l.id FROM dead_letter AS l
           JOIN unnest($1::uuid[], $2::uuid[]) AS k (org_id, id) USING (org_id, id)
           WHERE l.replayed_at IS NULL AND ($3::timestamptz IS NULL OR l.refused_at >= $3)""",
        [org_id for org_id, _ in listed],
        [letter_id for _, letter_id in listed],
        since,
    )
    return {(row["org_id"], row["id"]) for row in rows}


async def replayed(connection: Connection, batches: Mapping[Known, UUID]) -> None:
    """Note that Kafka has these letters again, each under the batch id that it was given."""
    await connection.execute(
        """UPDATE dead_letter AS l SET replayed_at = clock_timestamp(), replayed_as = k.batch_id
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS k (org_id, id, batch_id)
           WHERE (l.org_id, l.id) = (k.org_id, k.id)""",
        [org_id for org_id, _ in batches],
        [letter_id for _, letter_id in batches],
        list(batches.values()),
    )


async def counted(connection: Connection, wanted: Wanted) -> list[asyncpg.Record]:
    """Return letters and samples by topic, reason and project, with the oldest and the newest."""
    return await connection.fetch(
        f"""SELECT topic, reason, nullif(org_id, '00000000-0000-0000-0000-000000000000') AS org_id,
                   project_id, count(*) AS letters, sum(sample_count)::bigint AS samples,
                   count(*) FILTER (WHERE sample_count = 0) AS whole_records,
                   count(replayed_at) AS replayed,
                   min(refused_at) AS oldest, max(refused_at) AS newest
            FROM dead_letter WHERE {_WANTED}
            GROUP BY 1, 2, 3, 4 ORDER BY topic, letters DESC, reason, project_id""",
        *wanted.arguments(),
    )


async def waiting(connection: Connection, wanted: Wanted) -> tuple[int, datetime | None]:
    """Return how many wanted letters were not replayed yet, and when the oldest was refused.

    Letters of no tenant are among them: only their bytes may say which project they are about.
    """
    row = await connection.fetchrow(
        f"""SELECT count(*), min(refused_at) FROM dead_letter
            WHERE {_WANTED.replace("project_id = $4", "coalesce(project_id = $4, true)")}
              AND replayed_at IS NULL""",
        *wanted.arguments(),
    )
    assert row is not None  # noqa: S101  # an aggregate returns its row
    return row[0], row[1]


async def by_id(connection: Connection, letter_id: UUID) -> list[asyncpg.Record]:
    """Return the letter of this id; an id is one organisation's, and an operator may not know whose."""
    return await connection.fetch("SELECT * FROM dead_letter WHERE id = $1", letter_id)


async def at(connection: Connection, topic: str, partition: int, offset: int) -> list[asyncpg.Record]:
    """Return the letters about one record: one for each reason."""
    return await connection.fetch(
        """SELECT * FROM dead_letter WHERE topic = $1 AND partition = $2 AND record_offset = $3
           ORDER BY refused_at, reason""",
        topic,
        partition,
        offset,
    )


async def forget(connection: Connection, before: datetime, most: int = 10_000) -> int:
    """Delete up to `most` letters refused before `before`, and return how many."""
    done = await connection.execute(
        """DELETE FROM dead_letter WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM dead_letter WHERE refused_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))""",
        before,
        most,
    )
    return int(done.removeprefix("DELETE "))
