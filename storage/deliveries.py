"""What is to be told to channels, written in the transaction that decides it (docs/delivery.md)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import NAMESPACE_URL, UUID, uuid5

from storage.ledger import Connection

NAMESPACE = uuid5(NAMESPACE_URL, "urn:augentis:delivery")
CHANNEL = "augentis_deliveries"
"""NOTIFY wakes the relays; they look by a timer too, since a notice can be missed."""
LATEST_ALONE = ("refresh", "heartbeat")
"""Kinds of which the newest says all: one that waits in the same thread is replaced."""


@dataclass(frozen=True, slots=True)
class New:
    """A message to one channel, as it will be sent; those of one thread arrive as they were put."""

    org_id: UUID
    channel_id: UUID
    project_id: UUID | None
    report_id: UUID | None
    thread_id: UUID
    kind: str
    body: bytes
    headers: dict[str, str]

    @property
    def lane(self) -> tuple[UUID, UUID]:
        """Whose and which channel's it is."""
        return self.org_id, self.channel_id


async def put(connection: Connection, news: Sequence[New]) -> None:
    """Write deliveries; they exist if and only if the transaction does.

    Who puts holds the lanes of their channels, in the order of their ids, until the transaction ends.
    """
    for (org_id, channel_id), own in groupby(
        sorted(news, key=lambda new: new.lane), key=lambda new: new.lane
    ):
        await _put_into_lane(connection, org_id, channel_id, _latest(own))
    if news:
        await connection.execute(f"NOTIFY {CHANNEL}")


async def revive(connection: Connection, org_id: UUID, ids: Sequence[UUID]) -> int:
    """Let what was given up wait again, but for what is of a channel that takes nothing; return how many."""
    revived: int = await connection.fetchval("SELECT public.revive_deliveries($1, $2)", org_id, ids)
    return revived


async def forget(connection: Connection, before: datetime, most: int) -> int:
    """Delete what ended and was made before a time, and return how many."""
    done: str = await connection.execute(
        """DELETE FROM alert_delivery WHERE (org_id, id) IN (
               SELECT org_id, id FROM alert_delivery
               WHERE created_at < $1 AND status <> 'PENDING' LIMIT $2)""",
        before,
        most,
    )
    return int(done.rpartition(" ")[2])


def _latest(news: Iterable[New]) -> list[New]:
    """Leave out what a later one of these replaces."""
    kept = list(news)
    last = {(new.thread_id, new.kind): place for place, new in enumerate(kept)}
    return [
        new
        for place, new in enumerate(kept)
        if new.kind not in LATEST_ALONE or last[new.thread_id, new.kind] == place
    ]


async def _put_into_lane(connection: Connection, org_id: UUID, channel_id: UUID, news: Sequence[New]) -> None:
    # First of all: from here on nobody else puts into the lane, nor notes what became of what is in it.
    last = await connection.fetchval("SELECT public.take_places($1, $2, $3)", org_id, channel_id, len(news))
    await _replace(connection, org_id, channel_id, [new for new in news if new.kind in LATEST_ALONE])
    sequences = range(last - len(news) + 1, last + 1)
    await connection.execute(
        """INSERT INTO alert_delivery
               (org_id, channel_id, id, project_id, report_id, thread_id, sequence, kind, body, headers)
           SELECT $1, $2, n.* FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[],
                                          $8::text[], $9::bytea[], $10::jsonb[]) AS n""",
        org_id,
        channel_id,
        [_id(new, sequence) for new, sequence in zip(news, sequences, strict=True)],
        [new.project_id for new in news],
        [new.report_id for new in news],
        [new.thread_id for new in news],
        list(sequences),
        [new.kind for new in news],
        [new.body for new in news],
        [json.dumps(new.headers) for new in news],
    )
    threads = list({new.thread_id for new in news})
    await connection.execute("SELECT public.promote_heads($1, $2, $3)", org_id, channel_id, threads)


async def _replace(connection: Connection, org_id: UUID, channel_id: UUID, news: Sequence[New]) -> None:
    if news:
        await connection.execute(
            """DELETE FROM alert_delivery AS d USING unnest($3::uuid[], $4::text[]) AS n (thread_id, kind)
               WHERE d.org_id = $1 AND d.channel_id = $2 AND d.thread_id = n.thread_id AND d.kind = n.kind
                   AND d.status = 'PENDING'""",
            org_id,
            channel_id,
            [new.thread_id for new in news],
            [new.kind for new in news],
        )


def _id(new: New, sequence: int) -> UUID:
    return uuid5(NAMESPACE, f"{new.channel_id}/{new.thread_id}/{sequence}")
