"""Says in the ledger which partitions were read to their end, and when, on the database's clock.

The time written is one that the database gave *before* the look at the log: a worker that is stopped in
between writes an old time, which is true, and never a new one, which would not be.
"""

import time
from collections import deque
from datetime import datetime
from typing import NamedTuple

import asyncpg
from faust.types import TP

from storage import ledger
from storage.ledger import Claim, Connection, Place
from streams.chunks import Look
from streams.errors import FencedError
from streams.holdings import Holding, Holdings
from streams.transport import ChunkConsumer

_REMEMBERED = 30


class Mark(NamedTuple):
    """One moment on the database's clock and on ours (epoch seconds)."""

    database: datetime
    local: float


class Heartbeat:
    """One `beat` a second."""

    def __init__(self, pool: asyncpg.Pool, holdings: Holdings) -> None:
        self._pool, self._holdings = pool, holdings
        self._marks: deque[Mark] = deque(maxlen=_REMEMBERED)

    async def beat(self, consumer: ChunkConsumer) -> None:
        """Note what was read to its end since the last beats.

        Raises:
            FencedError: an operator has set the ledger of a partition that this worker holds.
        """
        async with self._pool.acquire() as connection:
            await self._heed_resets(connection)
            held = self._at_end(consumer)
            if held:
                await ledger.caught_up(connection, held)
            self._marks.append(Mark(await ledger.now(connection), time.time()))

    async def _heed_resets(self, connection: Connection) -> None:
        # A partition to which nothing comes would never find out that it is to be read again.
        places = [holding.place for holding in self._holdings.all()]
        for place in await ledger.were_reset(connection, places):
            raise FencedError(
                f"{place.topic}[{place.partition}]: its ledger was reset by an operator; restart"
            )

    def _at_end(self, consumer: ChunkConsumer) -> dict[Place, tuple[Claim, datetime]]:
        looks = consumer.thread.looks
        found = {}
        for holding in self._holdings.all():
            look = looks.get(TP(holding.place.topic, holding.place.partition))
            mark = self._mark_before(look) if look and _is_at_end(holding, look) else None
            if mark:
                found[holding.place] = (holding.claim, mark.database)
        return found

    def _mark_before(self, look: Look) -> Mark | None:
        return next((mark for mark in reversed(self._marks) if mark.local <= look.polled_at), None)


def _is_at_end(holding: Holding, look: Look) -> bool:
    read = look.token == holding.token and look.end is not None and look.position >= look.end
    return read and holding.claim.next_offset == look.position
