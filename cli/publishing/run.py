"""One publication from open to summary."""

import asyncio
import json
import os
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, Self

from cli.exits import CommandError
from cli.publishing.batcher import Batcher, BatchIds, Limits, Message
from cli.publishing.memory import Memory, memory_path
from cli.publishing.messages import Defaults, Flat, RefusedLineError, Whole
from cli.publishing.producer import Publisher, open_publisher
from cli.publishing.reader import Entry, Reader, read_csv, read_jsonl
from cli.publishing.source import Source, lines, open_source
from settings import Settings

Format = Literal["jsonl", "csv", "parquet"]
READERS: dict[str, Reader] = {"jsonl": read_jsonl, "csv": read_csv}


class Job(NamedTuple):
    """What is to be published, and how; `remembered` is how far it came, `resumed` goes on from there."""

    path: str
    format: Format | None
    topic: str
    defaults: Defaults
    ingest_key: str | None
    batch_size: int
    run_id: str | None
    remembered: bool = False
    resumed: bool = False


class Refusals:
    """Refused lines; on disk once they are many, since any line of a file of any size may be one."""

    def __init__(self, tell: Callable[[int, RefusedLineError], None]) -> None:
        self._tell = tell
        self._file: IO[str] = tempfile.SpooledTemporaryFile(1 << 20, "w+", encoding="utf-8")  # noqa: SIM115
        self.count = 0

    def add(self, number: int, refused: RefusedLineError) -> None:
        """Note the line and tell of it at once."""
        self._tell(number, refused)
        json.dump({"line": number, "reason": refused.reason, "detail": refused.detail}, self._file)
        self._file.write("\n")
        self.count += 1

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@dataclass
class Tally:
    """Counts so far: samples read (a refused line is one), samples and messages acknowledged, bytes read.

    `skipped` samples were published by the run that this one goes on from.
    """

    read: int = 0
    published: int = 0
    skipped: int = 0
    batches: int = 0
    bytes: int = 0
    size: int | None = field(default=None)

    def acknowledge(self, message: Message) -> None:
        """Count a message that Kafka has."""
        self.published += message.samples
        self.batches += 1


async def publish(job: Job, settings: Settings, tally: Tally, refusals: Refusals) -> None:
    """Publish all of `job`, counting in `tally` as it goes.

    Raises:
        CommandError: as `open_source`, `lines`, `open_publisher` and `Publisher.send` say.
    """
    pump = Pump(job, settings, tally, refusals)
    try:
        async with open_publisher(settings, job.topic, job.ingest_key, pump.acknowledge) as publisher:
            emit = _from_thread(publisher)
            await _in_daemon_thread(lambda: pump.run(emit))
    finally:
        pump.note()


class Pump:
    """Reads, checks and batches in a thread of its own: standard input may block for ever."""

    def __init__(self, job: Job, settings: Settings, tally: Tally, refusals: Refusals) -> None:
        self._job = job
        self._tally = tally
        self._refusals = refusals
        self._limits = Limits(settings.max_message_bytes, settings.max_samples)
        # Opened before Kafka is asked: a file that is not there needs no broker to say so.
        self._source = open_source(job.path, self._quiet)
        self._ids = BatchIds(self._source.digest, job.run_id)
        self._memory = self._remember(settings)
        self._emitted = 0
        self._batcher: Batcher | None = None
        tally.size = self._source.size

    def _quiet(self) -> None:
        if self._batcher and self._ids.random:
            self._batcher.flush()

    def _remember(self, settings: Settings) -> Memory | None:
        job, source = self._job, self._source
        if not job.remembered:
            return None
        if source.digest is None:
            raise CommandError("--resume needs a file: a stream does not come again")
        made_by = (
            source.digest.hex(),
            job.format or guess_format(job.path),
            job.topic,
            *job.defaults,
            job.batch_size,
            job.run_id,
        )
        where = (settings.kafka_bootstrap_servers, *self._limits)
        return Memory(memory_path(settings.home, (*made_by, *where)), resumed=job.resumed)

    def acknowledge(self, message: Message) -> None:
        """Count a message that Kafka has."""
        self._tally.acknowledge(message)
        if self._memory:
            self._memory.acknowledged(message.number)

    def note(self) -> None:
        """Write down how far it came."""
        if self._memory:
            self._memory.note()

    def run(self, emit: Callable[[Message], None]) -> None:
        """Read to the end and `emit` every message that Kafka does not have yet."""
        done = self._memory.messages if self._memory else 0

        def pass_on(message: Message) -> None:
            number = self._emitted
            self._emitted += 1
            if number < done:
                self._tally.skipped += message.samples
            else:
                emit(message._replace(number=number))

        batcher = self._batcher = Batcher(self._ids, self._job.batch_size, self._limits, pass_on)
        try:
            for number, content in self._entries():
                self._take(batcher, number, content)
        finally:
            os.close(self._source.fd)
        batcher.flush()

    def _entries(self) -> Iterator[Entry]:
        job, source, limit = self._job, self._source, self._limits.message_bytes
        format_ = job.format or guess_format(job.path)
        if format_ != "parquet":
            return READERS[format_](self._lines(source, limit), job.defaults, limit)
        if source.size is None:
            raise CommandError("Parquet is read from a file, not from a stream")
        return self._rows(source.size)

    def _rows(self, size: int) -> Iterator[Entry]:
        # Loading Arrow takes longer than publishing a small file of lines.
        from cli.parquet import ParquetRows, open_descriptor  # noqa: PLC0415
        from cli.publishing.parquet import read_parquet  # noqa: PLC0415

        def tell(share: float) -> None:
            self._tally.bytes = int(share * size)

        with open_descriptor(self._source.fd) as file:
            yield from read_parquet(ParquetRows(file, self._source.name), self._job.defaults, tell)

    def _take(self, batcher: Batcher, number: int, content: Flat | Whole | RefusedLineError) -> None:
        self._tally.read += len(content.samples) if isinstance(content, Whole) else 1
        try:
            if isinstance(content, RefusedLineError):
                raise content
            batcher.add(number, content)
        except RefusedLineError as refused:
            self._refusals.add(number, refused)

    def _lines(self, source: Source, limit: int) -> Iterator[bytes]:
        for line in lines(source, limit):
            self._tally.bytes += len(line) + 1
            yield line


def guess_format(path: str) -> Format:
    """Return the format that the name's extension says, else JSON lines."""
    suffix = Path(path).suffix.lower()
    return "csv" if suffix == ".csv" else "parquet" if suffix == ".parquet" else "jsonl"


def _from_thread(publisher: Publisher) -> Callable[[Message], None]:
    loop = asyncio.get_running_loop()

    def emit(message: Message) -> None:
        sending: Coroutine[Any, Any, None] = publisher.send(message)
        asyncio.run_coroutine_threadsafe(sending, loop).result()

    return emit


async def _in_daemon_thread(work: Callable[[], None]) -> None:
    """Run `work` in a thread that does not hold the process back when it ends early."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if not done.cancelled():
            done.set_exception(error) if error else done.set_result(None)

    def run() -> None:
        error = None
        try:
            work()
        except Exception as caught:  # noqa: BLE001  # handed on to the waiting task
            error = caught
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, name="publish-reader", daemon=True).start()
    await done
