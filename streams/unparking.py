"""Sends parked records back to their topics as their keys' quotas allow.

The worker that holds a partition of a topic looks after that partition of the parked one, under a row of
the ledger. A pass reads it from where the ledger stands. What fits into its key's quota goes back; what
waits in front of a key that may go on is parked again, behind all others; and where every key has to wait
nothing is read any further. So a key far over its quota costs no more than what its quota lets through.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from migrations.topics import IN_TOPICS, KafkaUnreachableError
from settings import Settings
from settings.kafka import client_options
from storage import ledger
from storage.ledger import Claim, Place
from storage.quotas import KeyName
from storage.secrets import seal
from streams import consumers, stamps
from streams.fold import Record
from streams.holdings import Holdings
from streams.kafka_watch import AWAY, KafkaWatch
from streams.outage import patiently
from streams.parking import SUFFIX
from streams.settling import Settled, Settler

log = logging.getLogger(__name__)

TOPICS = tuple(topic + SUFFIX for topic in IN_TOPICS)
CONSUMER = "augentis-parked"
"""Its name in the ledger: what it reads waits for nobody else."""
LOOK_EVERY = 2.0
LONGEST_WAIT = 4.0
"""Seconds until a key that has to wait is asked for again: its quota may be another one by then."""
AT_ONCE = 200
"""Records settled in one transaction."""
FETCH_BYTES = 4 << 20
_WAIT_MS = 500


class Unparker:
    """One worker's share of the parked topics. Two that share one by mistake disturb, and double, nothing."""

    def __init__(
        self,
        settings: Settings,
        pool: asyncpg.Pool,
        holdings: Holdings,
        owner: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._pool, self._holdings, self._owner = settings, pool, holdings, owner
        secret = settings.need("secret_key")
        self._settler = Settler(stamps.key(secret), seal(secret))
        self._watch = KafkaWatch(settings, TOPICS)
        self._clock = clock
        self._due: dict[KeyName, float] = {}
        self._scanned: dict[TopicPartition, int] = {}
        self._keys: dict[TopicPartition, set[KeyName]] = {}

    async def run(self) -> None:
        """Look after them for ever; while Kafka is away, say so and look again.

        Raises:
            GaveUpError: the database stayed away.
        """
        while True:
            options = {"enable_auto_commit": False, "isolation_level": "read_committed"}
            consumer = AIOKafkaConsumer(
                **client_options(self._settings), **options, max_partition_fetch_bytes=FETCH_BYTES
            )
            try:
                await self._watch.start()
                await consumer.start()
                while True:
                    await self._look(consumer)
                    await asyncio.sleep(LOOK_EVERY)
            except (*AWAY, KafkaUnreachableError) as error:
                log.warning("parked records wait: %r", error)
            finally:
                await consumers.stop(consumer)
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        mine = self._mine()
        if not mine:
            return
        ends = await consumer.end_offsets(mine)
        filled = {partition: end for partition, end in ends.items() if end}
        for partition, end in sorted(filled.items()):
            await self._look_at(consumer, partition, end)

    def _mine(self) -> list[TopicPartition]:
        """Return the parked partitions whose topic's own are held: all of the group look after all."""
        held = {TP(holding.place.topic, holding.place.partition) for holding in self._holdings.all()}
        return [
            TopicPartition(topic, number)
            for topic, number in self._watch.places()
            if TP(topic.removesuffix(SUFFIX), number) in held
        ]

    async def _look_at(self, consumer: AIOKafkaConsumer, partition: TopicPartition, end: int) -> None:
        place = Place(CONSUMER, partition.topic, partition.partition)
        start = await self._start(consumer, partition, place)
        if start >= end:
            return
        await self._scan(consumer, partition, max(start, self._scanned.get(partition, 0)), end)
        if self._ready(self._keys[partition]):
            await self._pass(consumer, partition, place, end)

    async def _start(self, consumer: AIOKafkaConsumer, partition: TopicPartition, place: Place) -> int:
        """Return where the partition is read on."""
        limit, what = self._settings.retry_for, "reading how far parked records went back"
        stands = await patiently(lambda: self._position(place), limit, what)
        begin: int = (await consumer.beginning_offsets([partition]))[partition]
        return max(begin, stands)

    async def _position(self, place: Place) -> int:
        async with self._pool.acquire() as connection:
            held = await ledger.position(connection, place)
        return held.next_offset if held else 0

    async def _scan(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, start: int, end: int
    ) -> None:
        """Learn which keys have records in [start, end)."""
        keys = self._keys.setdefault(partition, set())
        async for records in _between(consumer, partition, start, end):
            keys.update(self._settler.payers(records))
        self._scanned[partition] = end

    def _ready(self, keys: Iterable[KeyName]) -> set[KeyName]:
        now = self._clock()
        return {key for key in keys if self._due.get(key, now) <= now}

    async def _pass(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, place: Place, end: int
    ) -> None:
        """Settle records up to `end`, as long as a key that may go on has some there."""
        limit, keys = self._settings.retry_for, self._keys[partition]
        held = await patiently(
            lambda: self._claim(consumer, partition, place), limit, "claiming parked records"
        )
        async for records in _between(consumer, partition, held.next_offset, end):
            upto = records[-1].offset + 1
            settled = await self._settled(place, held, records, keys)
            if settled is None:
                break
            now = self._clock()
            self._due |= {key: now + min(wait, LONGEST_WAIT) for key, wait in settled.waits.items()}
            held = Claim(settled.upto, held.epoch)
            if settled.upto < upto or not self._ready(keys):
                break
        # What was parked again stands behind `end`, and what is left may have lost a key's last record.
        self._keys[partition], self._scanned[partition] = set(), held.next_offset

    async def _settled(
        self, place: Place, held: Claim, records: Sequence[Record], keys: set[KeyName]
    ) -> Settled | None:
        async def settle() -> Settled | None:
            async with self._pool.acquire() as connection:
                end, ready = records[-1].offset + 1, self._ready(keys)
                return await self._settler.settle(connection, place, held, records, end, ready)

        return await patiently(settle, self._settings.retry_for, "settling parked records")

    async def _claim(self, consumer: AIOKafkaConsumer, partition: TopicPartition, place: Place) -> Claim:
        """Take the partition over; what the log no longer holds is passed over, and said."""
        begin: int = (await consumer.beginning_offsets([partition]))[partition]
        ids = self._watch.ids
        async with self._pool.acquire() as connection, connection.transaction():
            claims = await ledger.claim(connection, self._owner, {place: begin}, ids)
            held, topic_id = claims[place]
            if held.next_offset >= begin and topic_id == ids[place.topic]:
                return held
            log.error("%s[%d]: parked records were lost: expired, or the topic was made again", *partition)
            await ledger.reset(connection, place, begin, ids[place.topic], "parked records were lost")
            return (await ledger.claim(connection, self._owner, {place: begin}, ids))[place][0]


async def _between(
    consumer: AIOKafkaConsumer, partition: TopicPartition, start: int, end: int
) -> AsyncIterator[list[Any]]:
    """Yield the records of a partition at [start, end), some at a time."""
    consumer.assign([partition])
    consumer.seek(partition, start)
    while await consumer.position(partition) < end:
        fetched = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=AT_ONCE)
        records = [record for record in fetched.get(partition, ()) if record.offset < end]
        if records:
            yield records
