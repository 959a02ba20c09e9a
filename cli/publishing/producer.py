"""To Kafka: idempotent, acks=all, a bounded number of messages under way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from cli.exits import CommandError, Exit, Unavailable
from cli.publishing.batcher import Message
from settings import Settings
from settings.kafka import client_options

UNDER_WAY = 64
"""Messages sent and not yet acknowledged: enough to fill the producer's batches, and bounded memory."""
START_SECONDS = 15.0
STOP_SECONDS = 5.0

Acknowledged = Callable[[Message], None]


class Publisher:
    """Sends messages of one project in their order, and tells `acknowledged` of each that Kafka has."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        ingest_key: str | None,
        patience: float,
        acknowledged: Acknowledged,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._headers = [("augentis-key", ingest_key.encode())] if ingest_key else None
        self._patience = patience
        self._acknowledged = acknowledged
        self._under_way: set[asyncio.Future[object]] = set()
        self._error: BaseException | None = None

    async def send(self, message: Message) -> None:
        """Hand a message on, waiting while too many are under way.

        Raises:
            CommandError: Kafka has acknowledged nothing for longer than the patience (seconds), or refuses
                the message for good.
        """
        while len(self._under_way) >= UNDER_WAY:
            await self._wait()
        try:
            future = await asyncio.wait_for(
                self._producer.send(
                    self._topic,
                    message.value,
                    key=_key(message.tenant.project_id),
                    headers=self._headers,
                ),
                self._patience,
            )
        except (KafkaError, TimeoutError) as error:
            raise _failure(error, self._topic) from error
        self._under_way.add(future)
        future.add_done_callback(partial(self._settle, message))

    async def finish(self) -> None:
        """Wait until Kafka has acknowledged all; errors as of `send`."""
        while self._under_way:
            await self._wait()
        if self._error is not None:
            raise _failure(self._error, self._topic) from self._error

    def _settle(self, message: Message, future: "asyncio.Future[object]") -> None:
        """Count at once what Kafka has: progress and an interrupted run's summary are to be true."""
        self._under_way.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._error = self._error or error
        elif not future.cancelled():
            self._acknowledged(message)

    async def _wait(self) -> None:
        done, _ = await asyncio.wait(
            self._under_way, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            raise _failure(TimeoutError(), self._topic)
        if self._error is not None:
            raise _failure(self._error, self._topic) from self._error


def _key(project_id: UUID) -> bytes:
    """A project's messages share a partition, so that its event time moves on in order."""
    return str(project_id).encode()


def _failure(error: BaseException, topic: str) -> CommandError:
    name = type(error).__name__
    if isinstance(error, TimeoutError) or getattr(error, "retriable", False):
        return CommandError(f"Kafka stopped acknowledging messages to {topic} ({name})", Exit.GAVE_UP)
    return CommandError(f"Kafka refuses a message to {topic}: {name}: {error}")


@asynccontextmanager
async def open_publisher(
    settings: Settings, topic: str, ingest_key: str | None, acknowledged: Acknowledged
) -> AsyncIterator[Publisher]:
    """Connect, and close at the end; leaving without an error means that all is acknowledged.

    Raises:
        Unavailable: no broker answers.
        CommandError: the topic does not exist; topics are never made by accident.
    """
    options = client_options(settings)
    await _need_topic(options, topic)
    producer = AIOKafkaProducer(
        **options,
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        max_batch_size=1 << 18,
        max_request_size=settings.max_message_bytes + (1 << 16),
    )
    try:
        await _reach(producer.start(), options)
        publisher = Publisher(producer, topic, ingest_key, settings.retry_for.total_seconds(), acknowledged)
        yield publisher
        await publisher.finish()
    finally:
        # With Kafka away the producer would flush for ever.
        with suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(producer.stop(), STOP_SECONDS)


async def _need_topic(options: dict[str, Any], topic: str) -> None:
    """Look in the list of all topics: asking for one by name may make it."""
    admin = AIOKafkaAdminClient(**options)
    try:
        await _reach(admin.start(), options)
        topics = await admin.list_topics()
    finally:
        await admin.close()
    if topic not in topics:
        raise CommandError(f"there is no topic {topic}: `augentis migrate` makes the topics")


async def _reach(start: Awaitable[None], options: dict[str, Any]) -> None:
    try:
        await asyncio.wait_for(start, START_SECONDS)
    except (KafkaError, OSError, TimeoutError) as error:
        servers = ", ".join(options["bootstrap_servers"])
        raise Unavailable(f"Kafka at {servers} does not answer ({type(error).__name__})") from error
