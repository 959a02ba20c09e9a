"""The whole system for tests: a Kafka and PostgreSQL a session, our processes around them, a plain producer.

Everything a test makes is its own: organisation, project, messages. Workers are processes, as in production,
and none outlives its test.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from cli.sessions import tenant_sessions
from cli.stack import running_stack
from cli.stack import state as states
from cli.stack.layout import Layout
from settings import Settings
from storage.entities import projects
from storage.entities.founding import Founded, found
from storage.tenancy import Claims
from streams import consumers

AUGENTIS = [sys.executable, "-m", "cli.main"]
OURS = ("AUGENTIS_", "KAFKA_", "DATABASE_URL")
RAW = "raw_metrics"
PARTITIONS = 4
PATIENCE = 45.0
QUICK = {"AUGENTIS_GRACE": "1s", "AUGENTIS_IDLE_AFTER": "1s"}
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""The hour in which the tests run: what they send lies before it."""


@dataclass(frozen=True)
class Project:
    """Whose messages a test sends."""

    org_id: UUID
    id: UUID
    ingest_key: str | None = None
    slug: str = ""
    admin: str = ""

    def batch(self, samples: Sequence[dict[str, Any]], batch_id: UUID | None = None) -> bytes:
        head = {"org_id": str(self.org_id), "project_id": str(self.id)}
        if batch_id:
            head["batch_id"] = str(batch_id)
        return json.dumps(head | {"samples": list(samples)}).encode()

    def flat(self, sample: Mapping[str, Any]) -> bytes:
        return json.dumps({"org_id": str(self.org_id), "project_id": str(self.id), **sample}).encode()


class Process:
    """One of our long-running commands, its output in a file."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        command: Sequence[str] = AUGENTIS,
    ) -> None:
        self.log_file = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [*command, *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def wait(self, seconds: float = PATIENCE) -> int:
        return self.popen.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ask it to end, and see to it."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(15)
        self.kill()

    async def says(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until its log holds `text`."""
        await eventually(lambda: text in self.log, seconds, lambda: f"{text!r} is not in:\n{self.log}")


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]],
    seconds: float = PATIENCE,
    told: Callable[[], str] = lambda: "it did not happen",
) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + seconds
    while True:
        held = condition()
        if held if isinstance(held, bool) else await held:
            return
        assert time.monotonic() < deadline, told()
        await asyncio.sleep(0.1)


class System:
    """A running stack, migrated."""

    def __init__(self, home: Path, provided: Mapping[str, str], partitions: int = PARTITIONS) -> None:
        self.home, self.provided, self.partitions = home, provided, partitions
        self.servers = provided["KAFKA_BOOTSTRAP_SERVERS"]
        self.secret = provided["AUGENTIS_SECRET_KEY"]
        self._logs = 0

    def environment(self, **more: str) -> dict[str, str]:
        outside = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        ours = {"AUGENTIS_HOME": str(self.home), "AUGENTIS_TOPIC_PARTITIONS": str(self.partitions)}
        return {**outside, **self.provided, **ours, **QUICK, **more}

    @property
    def settings(self) -> Settings:
        ours = {name: value for name, value in self.environment().items() if name.startswith(OURS)}
        return Settings(
            **{  # type: ignore[arg-type]  # their types are checked as they come from the environment
                name if name.startswith("AUGENTIS_") else name.lower(): value for name, value in ours.items()
            }
        )

    def augentis(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [*AUGENTIS, *arguments],
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @contextmanager
    def process(self, *arguments: str, **environment: str) -> Iterator[Process]:
        """Run a long-running command for the length of a block."""
        self._logs += 1
        log = self.home / f"{arguments[0]}-{self._logs}.log"
        process = Process(arguments, self.environment(**environment), log)
        try:
            yield process
        except BaseException:
            print(f"\n{log.name} ends with:\n{states.tail(log, 60)}")  # noqa: T201  # pytest shows it
            raise
        finally:
            process.end()

    @contextmanager
    def worker(self, name: str = "w1", **environment: str) -> Iterator[Process]:
        """Run a worker; under the name of one that has ended it takes over at once."""
        with self.process("worker", "--name", name, **environment) as process:
            yield process

    def pid(self, part: str) -> int:
        """Return the process of `kafka` or `postgres`."""
        done = self.augentis("stack", "status", "--json")
        return int(json.loads(done.stdout)[part]["pid"])

    @contextmanager
    def frozen(self, part: str) -> Iterator[None]:
        """Stop `kafka` or `postgres` with all its processes, as a machine that hangs does."""
        parent = psutil.Process(self.pid(part))
        stopped = [parent, *parent.children(recursive=True)]
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        memory = json.loads((Layout(self.home).root / "memory.json").read_text())
        port = memory["postgres_port"]
        url = f"postgresql://postgres:{memory['superuser_password']}@127.0.0.1:{port}/augentis"
        connection = await asyncpg.connect(url)
        try:
            yield connection
        finally:
            await connection.close()

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        async with self.superuser() as connection:
            return await connection.fetch(sql, *arguments)

    async def value(self, sql: str, *arguments: object) -> Any:
        async with self.superuser() as connection:
            return await connection.fetchval(sql, *arguments)

    @asynccontextmanager
    async def producer(self, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
        """A producer as any app has one: nothing of ours is in it."""
        async with AIOKafkaProducer(bootstrap_servers=self.servers, **options) as producer:
            yield producer

    async def send(self, *messages: bytes, partition: int = 0, topic: str = RAW) -> None:
        """Send messages to one partition, in order."""
        async with self.producer() as producer:
            for message in messages:
                await producer.send(topic, message, partition=partition)

    async def organisation(self, project: str = "Checkout") -> Project:
        """Make an organisation with a project, as `augentis init` does."""
        slug, settings = f"org-{secrets.token_hex(5)}", self.settings
        admin = f"ada@{slug}.example"
        async with tenant_sessions(settings) as sessions:
            made: Founded = await found(
                settings.need("database_url"), sessions, slug=slug, email=admin, project=project
            )
        return Project(made.org_id, made.project_id, made.ingest_key, slug, admin)

    async def another_project(self, of: Project, name: str) -> Project:
        """Make one more project of an organisation."""
        row = (await self.fetch("SELECT created_by, workspace_id FROM project WHERE id = $1", of.id))[0]
        claims = Claims(row["created_by"], of.org_id)
        async with tenant_sessions(self.settings) as sessions, sessions.open(claims) as session:
            made = await projects.create(
                session, claims, row["workspace_id"], name=name, problem_statement="A test needs two of them."
            )
        assert made
        return Project(of.org_id, made, None, of.slug, of.admin)

    async def ends(self, topic: str) -> dict[int, int]:
        """Return the end of each partition's log."""
        async with self.consumer() as consumer:
            partitions = [TopicPartition(topic, number) for number in range(self.partitions)]
            found = await consumer.end_offsets(partitions)
            return {each.partition: offset for each, offset in found.items()}

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.servers, auto_offset_reset="earliest", isolation_level="read_committed"
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumers.stop(consumer)

    async def records(self, topic: str) -> list[Any]:
        """Return all that a topic holds."""
        ends = {part: end for part, end in (await self.ends(topic)).items() if end}
        found: list[Any] = []
        async with self.consumer() as consumer:
            consumer.assign([TopicPartition(topic, part) for part in ends])
            if ends:
                await consumer.seek_to_beginning()
            deadline = time.monotonic() + PATIENCE
            while any([await consumer.position(TopicPartition(topic, p)) < end for p, end in ends.items()]):
                assert time.monotonic() < deadline
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found.extend(records)
        return found

    async def positions(self, topic: str) -> dict[int, int]:
        """Return where the ledger stands."""
        rows = await self.fetch("SELECT partition, next_offset FROM partition_ledger WHERE topic = $1", topic)
        return {row["partition"]: row["next_offset"] for row in rows}

    async def read(self, topic: str = RAW, seconds: float = PATIENCE) -> None:
        """Wait until the ledger stands at the end of `topic`."""
        ends = await self.ends(topic)

        async def at_end() -> bool:
            return await self.positions(topic) == ends

        await eventually(at_end, seconds, lambda: f"the ledger is not at {ends}")

    async def letters(self, partition: int, topic: str = RAW) -> dict[int, tuple[Any, dict[str, str]]]:
        """Return the dead letters of a partition, by offset, once all is read and Kafka has them."""
        await self.read(topic)
        dead = f"{topic}.dlq"

        async def gone() -> bool:
            return not await self.value("SELECT count(*) FROM outbox WHERE topic = $1", dead)

        await eventually(gone)
        found = {}
        for record in await self.records(dead):
            headers = {name: value.decode() for name, value in record.headers}
            if headers["augentis-partition"] == str(partition):
                found[int(headers["augentis-offset"])] = (record, headers)
        return found

    async def closed(self, project: Project, through: datetime = NOW, seconds: float = PATIENCE) -> None:
        """Wait until all was read and a project's hours before `through` are closed, late ones too."""
        await self.read(seconds=seconds)

        async def done() -> bool:
            found: bool = await self.value(
                """SELECT coalesce((SELECT closed_through >= $3 FROM project_clock
                                    WHERE org_id = $1 AND project_id = $2), false)
                      AND NOT EXISTS (SELECT FROM partial WHERE org_id = $1 AND project_id = $2 AND dirty)""",
                project.org_id,
                project.id,
                through,
            )
            return found

        await eventually(done, seconds, lambda: f"hours of {project.id} do not close")

    async def telemetry(self, project: Project) -> list[asyncpg.Record]:
        """Return a project's Telemetry rows in order."""
        return await self.fetch(
            """SELECT * FROM telemetry WHERE org_id = $1 AND project_id = $2
               ORDER BY timestamp, metric_name, cohort, feature""",
            project.org_id,
            project.id,
        )

    async def count(self, project: Project) -> int:
        """Return how many samples of a project were counted, closed or not."""
        found: int = await self.value(
            """SELECT coalesce(sum(sample_count), 0)::bigint FROM partial
               WHERE org_id = $1 AND project_id = $2""",
            project.org_id,
            project.id,
        )
        return found


def sample(value: Any, at: datetime = NOW - timedelta(hours=30), **more: Any) -> dict[str, Any]:
    """One sample of `feature_usage`, unless `more` says otherwise."""
    return {"metric_name": "feature_usage", "value": value, "timestamp": at.timestamp(), **more}


def batch_ids(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Kafka and PostgreSQL, migrated; started once a session, by the first test that needs them."""
    home = tmp_path_factory.mktemp("system")
    with running_stack(home, progress=lambda _: None) as provided:
        system = System(home, provided)
        migrated = system.augentis("migrate")
        assert migrated.returncode == 0, migrated.stderr
        yield system
