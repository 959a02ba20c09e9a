"""To Kafka: acknowledged by all replicas in good time, or not done."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from migrations.topics import ENVELOPE_BYTES, KafkaUnreachableError
from settings import Settings
from settings.kafka import client_options
from streams.door.refusals import Refusal

log = logging.getLogger(__name__)

ACKNOWLEDGED_SECONDS = 5.0
"""Less than collectors and SDKs wait for an answer: one that hears of an outage sends again, and once."""
STOP_SECONDS = 3.0
START_SECONDS = 15.0
Message = tuple[bytes, list[tuple[str, bytes]]]


class Post:
    """Sends messages; begun anew where the producer itself has failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachableError: no broker answers.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._started()
        except (KafkaError, OSError) as error:
            servers = self._settings.kafka_bootstrap_servers
            raise KafkaUnreachableError(f"Kafka at {servers} does not answer: {error!r}") from error

    async def stop(self) -> None:
        """Let what is under way come through, for a few seconds."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(producer.stop(), STOP_SECONDS)

    async def answers(self) -> bool:
        """Say whether a broker answers."""
        try:
            async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
                await (await self._started()).client.fetch_all_metadata()
        except (KafkaError, OSError):
            return False
        return True

    async def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Return when Kafka has all of `messages`.

        Raises:
            Refusal: it has not acknowledged them; some may be there none the less.
        """
        try:
            async with asyncio.timeout(ACKNOWLEDGED_SECONDS):
                producer = await self._started()
                sent = [await producer.send(topic, value, headers=headers) for value, headers in messages]
                await asyncio.gather(*sent)
        except MessageSizeTooLargeError:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Kafka takes no message of this size"
            ) from None
        except (KafkaError, OSError) as error:
            log.warning("%s: not acknowledged: %r", topic, error)
            if isinstance(error, KafkaError) and not error.retriable:
                await self._give_up()
            raise Refusal.away("Kafka does not acknowledge: send it again") from None

    async def _started(self) -> Any:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **client_options(self._settings),
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=2,
                    max_request_size=self._settings.max_message_bytes + ENVELOPE_BYTES,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _give_up(self) -> None:
        """Drop a producer that will fail for ever (a sequence that the broker does not know)."""
        await self.stop()
