"""The worker's composition root: one process with its agents, its closer and its watches.

Whatever ends one of them ends the process, with an exit code that says why; its supervisor restarts it,
and it goes on from the ledger. A worker that limps on would be worse than none.
"""

import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, cast

import asyncpg
from faust.types import TP

from migrations.topics import base_of, pending_topics
from settings import Settings, SettingsError
from storage import bindings, database
from storage.secrets import seal
from streams import dead_letters, figures, stamps
from streams.app import GROUP, LedgerApp, chunk_topic, make_app
from streams.chores import CHORES, Chore
from streams.chunks import Chunk
from streams.close import TOPIC as CLOSED
from streams.close import Closer, Patience
from streams.database_watch import watch_database
from streams.detect import Detect
from streams.directory import SnapshotDirectory
from streams.errors import WorkerError, exit_code
from streams.fold import Limits
from streams.formats import A, Format, Native
from streams.group_watch import GroupWatch
from streams.heartbeat import Heartbeat
from streams.holdings import Holdings
from streams.ingest import Ingest
from streams.kafka_watch import KafkaWatch
from streams.key_uses import KeyUses
from streams.lanes import Lanes
from streams.logs import configure
from streams.months import Months
from streams.otlp.format import Otlp
from streams.otlp.format import forget as forget_points
from streams.otlp.mappings import Mappings
from streams.outage import patiently
from streams.parking import Gate
from streams.stopping import Stop
from streams.transport import ChunkConsumer, LedgerTransport
from streams.unparking import Unparker

log = logging.getLogger(__name__)

CLOSE_EVERY = 0.5
BEAT_EVERY = 1.0
NOTE_EVERY = 1.0
FORGET_EVERY = 600.0
MONTHS_EVERY = 600.0
BINDINGS_EVERY = 3.0
STOP_SECONDS = 3.0
"""How long Faust may take to leave the group: with all else the process ends within 5 s of a signal."""
READ_TOPICS = ("raw_metrics", "backfill_metrics", "otlp_metrics", CLOSED)
Take = Callable[[Chunk, timedelta], Awaitable[None]]


def run(settings: Settings, name: str | None, metrics_port: int | None = None) -> NoReturn:
    """Run a worker until a signal or a failure ends it, and the process with it.

    Raises:
        SettingsError: something to connect with is missing, or the topics are not there.
        DatabaseUnreachableError: PostgreSQL is away at the start.
        KafkaUnreachableError: Kafka is away at the start.
    """
    configure(settings.log_level, settings.log_format)
    # Samples come by the ten thousand and hold no cycles: the collector would only look at them in vain.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    asyncio.run(_main(settings, name, metrics_port or settings.metrics_port))
    raise AssertionError("the worker ends its process")


async def _main(settings: Settings, name: str | None, metrics_port: int | None) -> NoReturn:
    missing = await pending_topics(settings)
    if missing:
        raise SettingsError(f"topics are missing ({', '.join(missing)}): run `augentis migrate` first")
    owner = name or f"{socket.gethostname()}-{os.getpid()}"
    url = settings.need("database_url_worker")
    with database.told_apart(url):
        pool = await database.worker_pool(url, name=f"augentis-worker {owner}")
    bound = await _bound(pool)
    watch = KafkaWatch(settings, (*READ_TOPICS, *bound))
    await watch.start()
    worker = Worker(settings, name, owner, pool, watch, bound)
    figures.serve(settings, metrics_port, worker.partitions)
    code = await worker.run()
    if worker.begins_anew:
        logging.shutdown()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # ourselves, as we were called
    # Not by way of Python's own end: Faust's tasks and thread may hang in a broker that is gone, and what
    # is written is written.
    logging.shutdown()
    os._exit(code)


async def _bound(pool: asyncpg.Pool) -> Collection[str]:
    async with pool.acquire() as connection:
        return (await bindings.bound(connection)).keys()


class Worker:
    """Agents, closer and watches around one Faust app and one pool."""

    begins_anew = False
    """It ended because other topics are bound than those it reads."""

    def __init__(
        self,
        settings: Settings,
        name: str | None,
        owner: str,
        pool: asyncpg.Pool,
        watch: KafkaWatch,
        bound: Collection[str],
    ) -> None:
        self._settings, self._pool, self._watch, self._bound = settings, pool, watch, bound
        self._owner = owner
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._holdings = Holdings(pool, GROUP, owner, settings.retry_for, watch.ids, settings.cache_bytes)
        self._app = make_app(settings, name, (*READ_TOPICS, *bound))
        cast(LedgerTransport, self._app.transport).on_claim = self._claim
        watch.on_added = self._look_for_partitions
        self._closer = Closer(pool, GROUP, Patience(settings.grace, settings.idle_after, settings.lateness))
        self._heartbeat = Heartbeat(pool, self._holdings)
        self._uses = KeyUses()
        secret = settings.need("secret_key")
        self._months = Months(pool, settings.retention, settings.audit_retention, secret)
        live = self._ingest(Native(self._limits(settings.lateness)))
        history = self._ingest(Native(self._limits(None)))
        exports = self._ingest(Otlp(self._limits(settings.lateness), Mappings()))
        detect = Detect(pool, self._holdings, settings.retention, webhook=settings.webhook_url is not None)
        self._tallies = (live.tally, history.tally, exports.tally)
        takes = (live.take, history.take, exports.take, detect.take)
        for topic, take in zip(READ_TOPICS, takes, strict=True):
            for each in (topic, *(one for one in bound if base_of(one) == topic)):
                self._agent(self._app, each, take)

    def _limits(self, lateness: timedelta | None) -> Limits:
        settings = self._settings
        return Limits(
            settings.max_samples,
            settings.max_message_bytes,
            _seconds(lateness),
            settings.future_tolerance.total_seconds(),
            _seconds(settings.retention),
        )

    def _ingest(self, format_: Format[A]) -> Ingest[A]:
        settings = self._settings
        secret = settings.need("secret_key")
        directory = SnapshotDirectory(settings.ingest_auth, secret, self._uses)
        gate = Gate(directory, stamps.key(secret), seal(secret))
        return Ingest(
            *(self._pool, self._holdings, directory, self._months, format_),
            gate=gate,
            most_series=settings.max_series,
            seal=seal(secret),
        )

    def _agent(self, app: LedgerApp, topic: str, take: Take) -> None:
        async def guarded(chunk: Chunk) -> None:
            await self._guarded(take(chunk, self._settings.retry_for))

        async def agent(stream: Any) -> None:
            lanes = Lanes(guarded)
            async for event in stream.events():
                await lanes.put(event.value)

        app.agent(chunk_topic(app, topic), name=topic)(agent)

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Let a failure end the worker: Faust would restart the agent behind the event that failed."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  # whatever it is ends the process, and is told there
            self._fail(error)
            await asyncio.Event().wait()  # nothing more of this stream

    async def _claim(self, consumer: ChunkConsumer) -> None:
        """Claim; a failure ends the worker, where Faust would only log it."""
        try:
            await self._holdings.claim(consumer)
        except WorkerError as error:
            self._fail(error)
            raise

    async def _look_for_partitions(self) -> None:
        if self._app.started:
            await cast(ChunkConsumer, self._app.consumer).thread.look_for_partitions()

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    def partitions(self) -> list[figures.Partition]:
        """Return what `/metrics` says of the partitions that are held now."""
        looks = cast(ChunkConsumer, self._app.consumer).thread.looks if self._app.started else {}
        found = []
        for holding in self._holdings.all():
            place, look = holding.place, looks.get(TP(holding.place.topic, holding.place.partition))
            end = look.end if look else None
            lag = None if end is None else max(0, end - holding.claim.next_offset)
            cells = holding.partials
            found.append(figures.Partition(place.topic, place.partition, lag, len(cells), cells.bytes))
        return found

    async def run(self) -> int:
        """Run until a signal or a failure; return the exit code."""
        stop = Stop.on_signals()
        tasks = [asyncio.create_task(work) for work in (stop.wait(), *self._works())]
        done, _ = await asyncio.wait({*tasks, self._failure}, return_when=asyncio.FIRST_COMPLETED)
        code = exit_code(done) or stop.exit_code
        for topic, tally in zip(READ_TOPICS, self._tallies, strict=False):
            log.info("%s: %s", topic, tally)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(STOP_SECONDS):
                if self.begins_anew:
                    cast(ChunkConsumer, self._app.consumer).thread.leave_for_good()
                await self._app.stop()
        return code

    def _works(self) -> list[Any]:
        return [
            self._consume(),
            self._every(CLOSE_EVERY, self._close, "closing hours"),
            self._every(BEAT_EVERY, self._beat, "noting what is read"),
            self._every(NOTE_EVERY, self._note, "noting the use of keys"),
            self._every(FORGET_EVERY, self._closer.forget, "forgetting old batches"),
            self._every(FORGET_EVERY, self._forget_points, "forgetting points of OTLP series"),
            self._every(FORGET_EVERY, self._forget_letters, "forgetting dead letters"),
            self._every(MONTHS_EVERY, self._months.keep, "making months ahead"),
            *(self._chore(chore) for chore in CHORES),
            self._watch_bindings(),
            Unparker(self._settings, self._pool, self._holdings, self._owner).run(),
            self._watch.run(),
            GroupWatch(self._settings, GROUP, self._watch, self._look_for_partitions).run(),
            watch_database(self._settings.need("database_url_worker"), self._settings.retry_for),
        ]

    async def _consume(self) -> None:
        # Before the first chunk: it may be the first of a week or a month for which nobody made a place.
        await patiently(self._months.keep, self._settings.retry_for, "making months ahead")
        await self._app.start()
        log.info("worker is up")
        await self._app.wait_until_stopped()
        reason = self._app.crash_reason
        if isinstance(reason, WorkerError):
            raise reason
        if reason is not None:
            raise WorkerError(f"Faust stopped: {reason!r}") from reason

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]], what: str) -> None:
        while True:
            await patiently(work, self._settings.retry_for, what)
            await asyncio.sleep(seconds)

    async def _chore(self, chore: Chore) -> None:
        async def do() -> None:
            await chore.do(self._pool, self._settings, datetime.now(UTC))

        await self._every(chore.every.total_seconds(), do, chore.name)

    async def _watch_bindings(self) -> None:
        """Return when other topics are bound: Faust's agents are made before it starts."""
        while True:
            await asyncio.sleep(BINDINGS_EVERY)
            bound = await patiently(lambda: _bound(self._pool), self._settings.retry_for, "reading bindings")
            if set(bound) != set(self._bound):
                log.info("bound topics were %s, are %s: beginning anew", sorted(self._bound), sorted(bound))
                self.begins_anew = True
                return

    async def _close(self) -> None:
        while await self._closer.tick():
            pass

    async def _forget_letters(self) -> None:
        await dead_letters.forget(self._pool, self._settings.topic_retention)

    async def _forget_points(self) -> None:
        await forget_points(self._pool, self._settings.lateness)

    async def _note(self) -> None:
        await self._uses.note(self._pool)

    async def _beat(self) -> None:
        if self._app.started:
            await self._heartbeat.beat(cast(ChunkConsumer, self._app.consumer))


def _seconds(span: timedelta | None) -> float | None:
    return span.total_seconds() if span is not None else None
