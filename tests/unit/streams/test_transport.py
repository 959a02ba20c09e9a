"""The consumer's thread between two claims: what Faust and aiokafka do meanwhile is played by stubs."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NoOffsetForPartitionError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.transport import ChunkThread
from tests.unit.streams.messages import Record

TOPIC = TP("raw_metrics", 0)


@dataclass
class Log:
    """aiokafka's consumer over a log of 10 records."""

    position: int | None = None
    asked: list[int] = field(default_factory=list)

    @property
    def _subscription(self) -> Any:
        state = SimpleNamespace(
            has_valid_position=self.position is not None, position=self.position, highwater=10, timestamp=0
        )
        assignment = SimpleNamespace(tps={TOPIC}, state_value=lambda _tp: state)
        return SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))

    def seek(self, tp: TP, offset: int) -> None:
        assert tp == TOPIC
        self.position = offset

    def drain(self, most: int) -> dict[TP, list[Record]]:
        if self.position is None:
            raise NoOffsetForPartitionError(TOPIC)
        first = self.position
        self.asked.append(first)
        self.position = min(first + most, 10)
        return {TOPIC: [Record(offset, b"") for offset in range(first, self.position)]}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log()

    async def fetch(_self: Any, consumer: Log, *_: Any) -> Any:
        await asyncio.sleep(0)  # here a claim may come in between
        return consumer.drain(4)

    monkeypatch.setattr(AIOKafkaConsumerThread, "_fetch_records", fetch)
    return log


@pytest.fixture
def thread(log: Log) -> ChunkThread:
    thread = ChunkThread.__new__(ChunkThread)
    consumer: Any = SimpleNamespace(chunk_records={}, _buffered_partitions=set())
    thread.consumer = consumer
    thread._consumer = log
    thread.token, thread._covered, thread.looks = 0, {}, {}
    return thread


async def fetched(thread: ChunkThread, log: Log) -> list[tuple[int, int, int, list[int]]]:
    chunks = (await thread._fetch_records(log, {TOPIC})).get(TOPIC, [])
    return [(c.token, c.start, c.end, [record.offset for record in c.records]) for c in chunks]


async def test_chunks_follow_each_other_under_a_claim(thread, log):
    await thread._start_at({TOPIC: 3}, 1)
    assert await fetched(thread, log) == [(1, 3, 7, [3, 4, 5, 6])]
    assert await fetched(thread, log) == [(1, 7, 10, [7, 8, 9])]
    assert await fetched(thread, log) == []
    assert (thread.looks[TOPIC].position, thread.looks[TOPIC].end) == (10, 10)


async def test_what_a_fetch_of_the_old_claim_drains_behind_the_new_seek_is_read_again(thread, log):
    await thread._start_at({TOPIC: 3}, 1)
    old = asyncio.create_task(thread._fetch_records(log, {TOPIC}))
    await asyncio.sleep(0)
    await thread._start_at({TOPIC: 5}, 2)
    assert await old == {}
    assert log.asked == [5]  # it did take records that are the new claim's
    assert await fetched(thread, log) == [(2, 5, 9, [5, 6, 7, 8])]


async def test_a_fetch_that_faust_forgot_takes_nothing_from_the_next(thread, log):
    await thread._start_at({TOPIC: 3}, 1)
    forgotten = asyncio.create_task(thread._fetch_records(log, {TOPIC}))
    await asyncio.sleep(0)
    await thread._start_at({TOPIC: 5}, 2)
    assert await fetched(thread, log) == [(2, 5, 9, [5, 6, 7, 8])]
    assert await forgotten == {}


async def test_a_partition_that_is_not_claimed_yet_is_waited_for(thread, log):
    assert await fetched(thread, log) == []
    await thread._start_at({TOPIC: 0}, 1)
    assert await fetched(thread, log) == [(1, 0, 4, [0, 1, 2, 3])]
