"""What a worker holds: for each partition the ledger's position, the epoch, and what it remembers.

A holding is replaced at a claim, never changed in it: whoever captured the old one writes into an
object that nobody reads any more. That is the whole cache invalidation.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg
from faust.types import TP

from storage import ledger, watermarks
from storage.ledger import Claim, Connection, Place
from storage.partials import Held, SeriesHour
from storage.watermarks import ProjectKey
from streams.caps import Known
from streams.chunks import Chunk
from streams.errors import BrokenChainError, FencedError
from streams.kafka_watch import recreated
from streams.memory import Cells, fit
from streams.outage import patiently
from streams.transport import ChunkConsumer

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Holding:
    """One partition under one claim. `position` and the caches move only after a commit."""

    place: Place
    claim: Claim
    token: int
    partials: Cells = field(default_factory=Cells)
    marks: dict[ProjectKey, float] = field(default_factory=dict)
    series: Known = field(default_factory=Known)

    def advanced(self, new_offset: int) -> None:
        """Note a commit."""
        self.claim = Claim(new_offset, self.claim.epoch)


class Holdings:
    """All partitions of this worker."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        group: str,
        owner: str,
        retry_for: timedelta,
        topic_ids: Mapping[str, str],
        most_bytes: int = 128 << 20,
    ) -> None:
        self._pool, self._group, self._owner, self._retry_for = pool, group, owner, retry_for
        self._topic_ids, self._most_bytes = topic_ids, most_bytes
        self._used: dict[int, Holding] = {}
        self._held: dict[TP, Holding] = {}
        self._generation: int | None = None
        self._token = 0
        self._claiming = asyncio.Lock()

    def continued(self, chunk: Chunk) -> tuple[Holding, Chunk] | None:
        """Return the holding that `chunk` continues and what of the chunk is new to it.

        None if the chunk is of an older claim, or was read again after it had been written.

        Raises:
            BrokenChainError: an event of this claim never arrived.
        """
        holding = self._held.get(chunk.tp)
        if holding is None or holding.token != chunk.token:
            return None
        position = holding.claim.next_offset
        if chunk.start > position:
            where = f"{chunk.tp.topic}[{chunk.tp.partition}]"
            raise BrokenChainError(f"{where}: offsets {position} to {chunk.start} never arrived; restart")
        rest = chunk.after(position)
        return (holding, rest) if rest else None

    async def move(self, connection: Connection, holding: Holding, chunk: Chunk) -> bool:
        """Move the ledger from the start of `chunk` to its end: the first statement of its transaction.

        From its start, not from the position held: where the connection breaks after the commit that one
        has moved on, and the chunk is tried again.
        False where there is nothing to write: the partition was lost in a rebalance, or this chunk is
        written already and only the answer to its commit was lost with the connection.

        Raises:
            FencedError: another worker holds the partition.
        """
        place = holding.place
        if await ledger.move(connection, place, Claim(chunk.start, holding.claim.epoch), chunk.end):
            return True
        stands = await ledger.position(connection, place)
        if stands == Claim(chunk.end, holding.claim.epoch):
            holding.partials.clear()
            holding.marks = await watermarks.load(connection, place)
            holding.advanced(chunk.end)
        elif self._current(holding):
            raise FencedError(
                f"{place.topic}[{place.partition}] is held by another worker"
                f" (epoch {stands.epoch if stands else None}, mine was {holding.claim.epoch})"
            )
        return False

    def remember(self, holding: Holding, states: Mapping[SeriesHour, Held]) -> None:
        """Take over what was committed; beyond the limit the windows of long ago are forgotten."""
        holding.partials.remember(states)
        if not self._current(holding):
            return  # nobody reads it any more
        self._used.pop(id(holding), None)
        self._used[id(holding)] = holding
        lost = fit([each.partials for each in self._used.values()], self._most_bytes)
        if any(lost):
            log.debug("%d open windows are forgotten: they are over %d bytes", sum(lost), self._most_bytes)

    def _current(self, holding: Holding) -> bool:
        return self._held.get(_tp(holding.place)) is holding

    def all(self) -> Sequence[Holding]:
        """Return all that is held now."""
        return list(self._held.values())

    async def claim(self, consumer: ChunkConsumer) -> None:
        """Claim what Kafka assigned, and seek there.

        Faust calls this twice for a rebalance, at the same time: the second call finds the generation
        claimed and only seeks back to the positions in memory.
        """
        async with self._claiming:
            generation = consumer.app.consumer_generation_id
            assigned = set(consumer.assignment())
            if generation != self._generation or assigned != set(self._held):
                await self._take(consumer, assigned)
                self._generation = generation
            self._token += 1
            for holding in self._held.values():
                holding.token = self._token
            positions = {tp: holding.claim.next_offset for tp, holding in self._held.items()}
            await consumer.start_at(positions, self._token)

    async def _take(self, consumer: ChunkConsumer, assigned: set[TP]) -> None:
        self._held, self._used = {}, {}
        places = {tp: Place(self._group, tp.topic, tp.partition) for tp in sorted(assigned)}
        new = await patiently(
            lambda: self._unknown(list(places.values())), self._retry_for, "reading the ledger"
        )
        starts: Mapping[TP, int] = {}
        if new:
            starts = await consumer.earliest_offsets(*(tp for tp, place in places.items() if place in new))
        wanted = {place: starts.get(tp, 0) for tp, place in places.items()}
        held = await patiently(lambda: self._claimed(wanted), self._retry_for, "claiming partitions")
        self._held = {_tp(holding.place): holding for holding in held}
        log.info("claimed %d partitions", len(self._held))

    async def _unknown(self, places: Sequence[Place]) -> set[Place]:
        async with self._pool.acquire() as connection:
            return set(places) - await ledger.known(connection, places)

    async def _claimed(self, starts: dict[Place, int]) -> list[Holding]:
        async with self._pool.acquire() as connection, connection.transaction():
            claims = await ledger.claim(connection, self._owner, starts, self._topic_ids)
            for place, (_, topic_id) in claims.items():
                if topic_id != self._topic_ids[place.topic]:
                    raise recreated(place.topic)
            return [
                Holding(place, claim, 0, marks=await watermarks.load(connection, place))
                for place, (claim, _) in claims.items()
            ]


def _tp(place: Place) -> TP:
    return TP(place.topic, place.partition)
