"""A replay from its first letter to its summary.

A letter is marked in PostgreSQL after Kafka has acknowledged what is published of it. Killed in between,
it is published once more under the same batch id, which the ledger drops.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cli.dlq.reading import Progress, letters
from cli.exits import CommandError, Exit
from cli.kafka import reached
from settings import Settings
from settings.kafka import client_options
from storage import database, dead_letters, directory, ledger
from storage.dead_letters import Known, Wanted
from storage.directory import Everybody
from streams import stamps
from streams.fold import Limits
from streams.replays import Again, Letter, UnreplayableError, again, whose
from streams.stamps import Stamp
from streams.wire import Reason

STOP_SECONDS = 5.0
ENVELOPE_BYTES = 1 << 16


@dataclass(frozen=True)
class Job:
    """Which letters, where to, and whether to publish at all. `vouched` is the project they must be of."""

    wanted: Wanted
    to: str | None
    dry_run: bool

    @property
    def vouched(self) -> UUID | None:
        """Return the project that the operator says the letters are of."""
        return self.wanted.project_id


@dataclass
class Tally:
    """Counts so far; `failed` by cause, with the first letter of each."""

    replayed: int = 0
    samples: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    first_failed: dict[str, str] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """Return how many letters were wanted."""
        return self.replayed + self.failed.total()

    def fail(self, cause: str, letter: Letter | None = None) -> None:
        """Count a letter that could not be replayed."""
        self.failed[cause] += 1
        if letter:
            self.first_failed.setdefault(cause, f"{letter.topic}:{letter.partition}:{letter.offset}")


@dataclass(frozen=True)
class _Ready:
    letter: Letter
    stamp: Stamp
    again: Again


async def replay(settings: Settings, job: Job, tally: Tally, progress: Progress) -> None:
    """Publish the wanted letters that were not published again yet, counting in `tally`.

    Raises:
        Unavailable: no broker answers at the start.
        CommandError: Kafka stopped acknowledging.
    """
    url = settings.need("database_url_worker")
    async with _pool(url) as pool:
        async with pool.acquire() as connection:
            now = (await ledger.now(connection)).timestamp()
            waiting, oldest = await dead_letters.waiting(connection, job.wanted)
            topics = await dead_letters.topics(connection)
            everybody = await directory.everybody(connection)
        if not waiting:
            return
        work = _Replay(settings, job, tally, everybody, pool, now)
        wanted_topics = [topic for topic in topics if job.wanted.topic in (None, topic)]
        async with _producer(settings, job) as producer:
            seen = 0
            async for some in letters(settings, wanted_topics, oldest or datetime.now(UTC), progress):
                seen += await work.take(producer, some)
        for _ in range(waiting - seen):
            tally.fail("not_in_kafka")


class _Replay:
    def __init__(
        self, settings: Settings, job: Job, tally: Tally, everybody: Everybody, pool: asyncpg.Pool, now: float
    ) -> None:
        self._job, self._tally, self._everybody, self._pool, self._now = job, tally, everybody, pool, now
        self._open = settings.ingest_auth == "open"
        self._limits = Limits(
            settings.max_samples,
            settings.max_message_bytes,
            None,
            settings.future_tolerance.total_seconds(),
        )
        self._key = stamps.key(settings.need("secret_key"))
        self._owners = {project: org for org, project in everybody.projects}
        self._patience = settings.retry_for.total_seconds()
        self._seen: set[UUID] = set()

    async def take(self, producer: AIOKafkaProducer | None, some: Iterable[Letter]) -> int:
        """Publish what is wanted of `some`; return how many of them were waiting."""
        fitting = {(each.org_id, each.id): each for each in some if self._fits(each)}
        async with self._pool.acquire() as connection:
            waiting = await dead_letters.not_replayed(connection, fitting, self._job.wanted.since)
        # A relay that was killed may have sent a letter twice.
        new = [known for known in fitting if known in waiting and known[1] not in self._seen]
        self._seen.update(letter_id for _, letter_id in new)
        ready = [made for known in new if (made := self._ready(fitting[known]))]
        if producer is not None and ready:
            await self._publish(producer, ready)
        self._tally.replayed += len(ready)
        self._tally.samples += sum(each.again.samples for each in ready)
        return len(new)

    def _fits(self, letter: Letter) -> bool:
        wanted = self._job.wanted
        return (
            wanted.reason in (None, letter.reason)
            and wanted.topic in (None, letter.topic)
            and (wanted.project_id is None or letter.project_id in (None, wanted.project_id))
        )

    def _ready(self, letter: Letter) -> _Ready | None:
        try:
            project = whose(letter, self._owners, self._job.vouched, is_open=self._open)
            return None if project is None else _Ready(letter, self._there(project), self._again(letter))
        except UnreplayableError as error:
            self._tally.fail(error.cause, letter)
            return None

    def _again(self, letter: Letter) -> Again:
        if letter.is_otlp and self._job.to:
            raise UnreplayableError("otlp_history")
        return again(letter, self._limits, self._now)

    def _there(self, project: tuple[UUID, UUID]) -> Stamp:
        if project[0] not in self._everybody.organizations:
            raise UnreplayableError(str(Reason.UNKNOWN_ORG))
        if project not in self._everybody.projects:
            raise UnreplayableError(str(Reason.UNKNOWN_PROJECT))
        return Stamp(*project)

    async def _publish(self, producer: AIOKafkaProducer, ready: list[_Ready]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                sent = [await self._send(producer, each) for each in ready]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as error:
            raise CommandError(f"Kafka stopped acknowledging: {error!r}", Exit.GAVE_UP) from error
        marks: Mapping[Known, UUID] = {
            (each.letter.org_id, each.letter.id): each.again.batch_id for each in ready
        }
        async with self._pool.acquire() as connection:
            await dead_letters.replayed(connection, marks)

    async def _send(self, producer: AIOKafkaProducer, ready: _Ready) -> "asyncio.Future[object]":
        letter, value = ready.letter, ready.again.value
        topic = self._job.to or letter.topic
        batch_id = ready.again.batch_id if letter.is_otlp else None
        future: asyncio.Future[object] = await producer.send(
            topic,
            value,
            key=letter.key if topic == letter.topic else str(ready.stamp.project_id).encode(),
            partition=await self._partition(producer, topic, letter),
            headers=stamps.sign(self._key, topic, value, ready.stamp, batch_id),
        )
        return future

    async def _partition(self, producer: AIOKafkaProducer, topic: str, letter: Letter) -> int | None:
        """Return where the record was first: no other partition then waits for its old event time."""
        if topic != letter.topic or letter.partition not in await producer.partitions_for(topic):
            return None
        return letter.partition


@asynccontextmanager
async def _pool(url: str) -> AsyncIterator[asyncpg.Pool]:
    with database.told_apart(url):
        pool = await database.worker_pool(url, name="augentis-dlq", size=1)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def _producer(settings: Settings, job: Job) -> AsyncIterator[AIOKafkaProducer | None]:
    if job.dry_run:
        yield None
        return
    producer = AIOKafkaProducer(
        **client_options(settings),
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        max_request_size=settings.max_message_bytes + ENVELOPE_BYTES,
    )
    try:
        async with reached(settings):
            await producer.start()
        yield producer
    finally:
        # With Kafka away the producer would flush for ever.
        with suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(producer.stop(), STOP_SECONDS)
