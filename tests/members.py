"""A worker's holdings and ingest without Faust and Kafka around them, for tests that go step by step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
from faust.types import TP

from storage.secrets import seal
from streams import stamps
from streams.chunks import Chunk
from streams.fold import Limits
from streams.formats import Native
from streams.holdings import Holdings
from streams.ingest import Ingest
from streams.months import Months
from streams.parking import Gate
from tests.databases import SECRET
from tests.unit.streams.messages import Everybody, Record, batch, sample

RAW = TP("raw_metrics", 0)
PATIENCE = timedelta(seconds=5)
FAR = 2_000_000_000_000
"""When messages arrive (milliseconds): nothing that a test sends is of the future."""
LIMITS = Limits(10_000, 1_000_000, None, 300.0)


class KnowsAll(Everybody):
    """A directory that needs no look at the database."""

    taken_at = float("inf")

    def stale(self) -> bool:
        return False

    has_quotas = False

    def payer(self, _: object) -> None:
        raise AssertionError("nobody has a quota")


@dataclass
class Consumer:
    """What a claim asks of Faust's consumer: a generation, and where it is to read on."""

    generation: int = 1
    assigned: frozenset[TP] = frozenset({RAW})
    earliest: int = 0
    sought: list[dict[TP, int]] = field(default_factory=list)
    token: int = 0

    @property
    def app(self) -> Any:
        return SimpleNamespace(consumer_generation_id=self.generation)

    def assignment(self) -> frozenset[TP]:
        return self.assigned

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, self.earliest)

    async def start_at(self, positions: dict[TP, int], token: int) -> None:
        self.sought.append(positions)
        self.token = token


class Member:
    """One worker's holdings and ingest, without Faust around them."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        name: str,
        topic_id: str = "made once",
        *,
        limits: Limits = LIMITS,
        partition: int = 0,
        clock: Callable[[], float] = lambda: FAR / 1000,
        most_series: int = 10_000,
        directory: Any = None,
    ) -> None:
        self.partition = TP("raw_metrics", partition)
        self.consumer = Consumer(assigned=frozenset({self.partition}))
        self.holdings = Holdings(pool, "chaos", name, PATIENCE, {"raw_metrics": topic_id})
        directory = directory or KnowsAll()
        self.months = Months(pool, timedelta(seconds=limits.retention) if limits.retention else None)
        self.ingest = Ingest(
            *(pool, self.holdings, directory, self.months, Native(limits)),
            gate=Gate(directory, stamps.key(SECRET), seal(SECRET)),
            most_series=most_series,
            seal=seal(SECRET),
            clock=clock,
        )

    async def claim(self) -> None:
        await self.months.keep()
        self.consumer.generation += 1
        await self.again()

    async def again(self) -> None:
        consumer: Any = self.consumer
        await self.holdings.claim(consumer)

    def chunk(self, start: int, end: int) -> Chunk:
        """A chunk of one sample a record, read under the claim of now."""
        return self.of([batch([sample(1)]) for _ in range(start, end)], start)

    def of(self, messages: Sequence[bytes], start: int = 0, at: int = FAR) -> Chunk:
        """A chunk of these messages, the first at the offset `start`; they arrive at `at`."""
        records = [Record(start + offset, message, at) for offset, message in enumerate(messages)]
        return Chunk(self.partition, start, start + len(records), records, self.consumer.token, 0.0)

    async def count(self, chunk: Chunk) -> None:
        await self.ingest.take(chunk, PATIENCE)
