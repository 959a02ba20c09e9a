"""Faust's transport, with the three changes that the ledger needs.

- Records reach Faust as chunks (`chunks`), and only committed ones.
- After a rebalance Faust seeks to where the *ledger* says, not to Kafka's committed offsets
  (`perform_seek`); it calls that twice, concurrently, so claiming is behind a lock and idempotent.
- A partition's claim, positions and looks are kept together, so that an event of an older claim is told
  from one of the present.

docs/ledger.md has the traps behind each.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import aiokafka
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.drivers.aiokafka import (
    AIOKafkaConsumerThread,
    Consumer,
    Transport,
)
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.chunks import Chunk, Look, cut
from streams.errors import LedgerMismatchError

Positions = Mapping[TP, int]
BUSY_WAIT_SECONDS = 0.02


class ChunkThread(AIOKafkaConsumerThread):
    """The consumer's own thread: fetches, and cuts what it fetched into chunks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.token = 0
        self._covered: dict[TP, int] = {}
        self.looks: dict[TP, Look] = {}

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust reads uncommitted records unless it runs transactions of its own: an app that aborts and
        # retries would be counted twice.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        # The pause of an idle long poll, 1.5 s in Faust: everything asked of the consumer queues behind it.
        consumer._fetch_max_wait_ms = 500  # noqa: SLF001
        return consumer

    async def look_for_partitions(self) -> None:
        """Ask the brokers which partitions there are, and join anew: the group shares them out again."""
        await self.call_thread(self._look_for_partitions)

    async def _look_for_partitions(self) -> None:
        consumer = self._ensure_consumer()
        await consumer._client.force_metadata_update()  # noqa: SLF001
        consumer._coordinator.request_rejoin()  # noqa: SLF001

    def leave_for_good(self) -> None:
        """Leave the group when this ends, as a static member otherwise would not: nobody waits for it."""
        self._ensure_consumer()._coordinator._group_instance_id = None  # noqa: SLF001

    async def start_at(self, positions: Positions, token: int) -> None:
        """Seek to `positions`; chunks from now on carry `token`."""
        await self.call_thread(self._start_at, positions, token)

    async def _start_at(self, positions: Positions, token: int) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in positions.items():
            consumer.seek(tp, offset)
        self._covered = dict(positions)
        self.looks = {}
        self.token = token

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's signature
        max_records: int | None = None,
    ) -> dict[TP, list[Chunk]]:
        if self.consumer._buffered_partitions:  # noqa: SLF001
            # Their chunks are being worked off: a whole second's wait for the other partitions would stall.
            timeout = BUSY_WAIT_SECONDS
        token = self.token
        try:
            records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        except NoOffsetForPartitionError:
            return {}  # assigned, and aiokafka was faster than the claim, which says where to begin
        except OffsetOutOfRangeError as error:
            raise await self._mismatch(consumer) from error
        if token == self.token:
            return self._chunks(consumer, records)
        # A claim came in between. What was drained behind its seek would be missing: read it again.
        for tp in records:
            if tp in self._covered and _state(consumer, tp):
                consumer.seek(tp, self._covered[tp])
        return {}

    async def _mismatch(self, consumer: aiokafka.AIOKafkaConsumer) -> LedgerMismatchError:
        """Return the error of offsets that the log no longer has, or does not have yet."""
        stands = dict(self._covered)
        begins = await consumer.beginning_offsets(list(stands))
        ends = await consumer.end_offsets(list(stands))
        return out_of_log({tp: (begins[tp], offset, ends[tp]) for tp, offset in stands.items()})

    def _chunks(
        self, consumer: aiokafka.AIOKafkaConsumer, records: Mapping[TP, Any]
    ) -> dict[TP, list[Chunk]]:
        """Return what was read since the last call, also where only control records were."""
        chunks: dict[TP, list[Chunk]] = {}
        now = time.monotonic()
        most = cast(ChunkConsumer, self.consumer).chunk_records
        for tp, start in self._covered.items():
            state = _state(consumer, tp)
            if state is None:
                continue
            end = state.position
            self.looks[tp] = Look(end, state.highwater, (state.timestamp or 0) / 1000, self.token)
            if end > start:
                found = records.get(tp, [])
                chunks[tp] = [
                    Chunk(tp, first, last, piece, self.token, now)
                    for first, last, piece in cut(start, end, found, most.get(tp.topic, len(found) or 1))
                ]
                self._covered[tp] = end
        return chunks


def out_of_log(places: Mapping[TP, tuple[int, int, int]]) -> LedgerMismatchError:
    """Return the error of places whose (log's begin, ledger, log's end) do not agree."""
    wrong, topics = [], []
    for tp, (begins, stands, ends) in sorted(places.items()):
        where = f"{tp.topic}[{tp.partition}]"
        if stands < begins:
            wrong.append(f"{where}: offsets {stands} to {begins - 1} were deleted before they were read")
        elif stands > ends:
            wrong.append(f"{where}: the ledger stands at {stands}, and the log ends at {ends}")
        else:
            continue
        topics.append(tp.topic)
    topic = topics[0] if topics else "TOPIC"
    return LedgerMismatchError(
        f"{'; '.join(wrong) or 'the log had not what the ledger asked for'}."
        f" To go on: `augentis ledger reset {topic} --to earliest --reason ...` (docs/operations.md)"
    )


def _state(consumer: aiokafka.AIOKafkaConsumer, tp: TP) -> Any:
    """Return aiokafka's state of a partition, None while it has no position."""
    subscription = consumer._subscription.subscription  # noqa: SLF001
    if subscription is None or subscription.assignment is None or tp not in subscription.assignment.tps:
        return None
    state = subscription.assignment.state_value(tp)
    return state if state.has_valid_position else None


class ChunkConsumer(Consumer):
    """Faust's consumer; the app says how to claim (`on_claim`) and how long a chunk may be."""

    def _new_consumer_thread(self) -> ChunkThread:
        return ChunkThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def thread(self) -> ChunkThread:
        """Return the consumer's thread."""
        return cast(ChunkThread, self._thread)

    @property
    def chunk_records(self) -> Mapping[str, int]:
        """Return the most records that a chunk of a topic may have; topics not named have no such limit."""
        return cast("LedgerTransport", self.transport).chunk_records

    async def perform_seek(self) -> None:
        """Claim what was assigned, and read on from where the ledger stands."""
        await cast("LedgerTransport", self.transport).on_claim(self)

    async def start_at(self, positions: Positions, token: int) -> None:
        """Seek to `positions`, and let Faust forget what it read before."""
        await self.thread.start_at(positions, token)
        for tp, offset in positions.items():
            self._read_offset[tp] = offset or None
            self._committed_offset[tp] = offset or None

    def _to_message(self, tp: TP, record: Chunk) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.offset,
            0.0,
            0,
            [],
            None,
            cast(Any, record),
            None,
            None,
            None,
            tp,
            generation_id=self.app.consumer_generation_id,
        )


class LedgerTransport(Transport):
    """The transport of the app; `on_claim` is called after each rebalance."""

    Consumer = ChunkConsumer
    on_claim: Callable[[ChunkConsumer], Awaitable[None]]
    chunk_records: Mapping[str, int]
