"""Asks the brokers, every few seconds, whether they are there and whether the topics are still the same.

aiokafka retries for ever, and reads on from a topic that was deleted and made again as if nothing were.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from migrations.topics import KafkaUnreachableError
from settings import Settings
from settings.kafka import client_options
from streams.errors import GaveUpError, LedgerMismatchError
from streams.topic_ids import topic_ids

log = logging.getLogger(__name__)

EVERY_SECONDS = 2.0
LONGEST_WAIT = 10.0
ANSWER_SECONDS = 5.0
AWAY = (KafkaError, OSError, TimeoutError)


class KafkaWatch:
    """Watches `topics`; `ids` are theirs at the start."""

    def __init__(self, settings: Settings, topics: Sequence[str]) -> None:
        self._settings, self._topics = settings, topics
        self.ids: dict[str, str] = {}

    async def start(self) -> None:
        """Learn the ids.

        Raises:
            KafkaUnreachableError: no broker answers.
        """
        try:
            self.ids = await self._ask()
        except AWAY as error:
            servers = self._settings.kafka_bootstrap_servers
            raise KafkaUnreachableError(f"Kafka at {servers} does not answer: {error!r}") from error

    async def run(self) -> None:
        """Ask for ever.

        Raises:
            GaveUpError: no broker answered for as long as `settings.retry_for`.
            LedgerMismatchError: a topic was deleted and made again.
        """
        away_since: float | None = None
        wait = EVERY_SECONDS
        while True:
            await asyncio.sleep(wait)
            try:
                ids = await self._ask()
            except AWAY as error:
                away_since = away_since or time.monotonic()
                self._give_up_or_say(error, time.monotonic() - away_since)
                wait = min(wait * 1.5, LONGEST_WAIT)
                continue
            if away_since is not None:
                log.info("Kafka answers again")
            away_since, wait = None, EVERY_SECONDS
            self._compare(ids)

    async def _ask(self) -> dict[str, str]:
        client = AIOKafkaClient(
            **client_options(self._settings), request_timeout_ms=int(ANSWER_SECONDS * 1000)
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.bootstrap()
                return await topic_ids(client, self._topics)
        finally:
            await client.close()

    def _compare(self, ids: dict[str, str]) -> None:
        for topic, topic_id in ids.items():
            if self.ids.get(topic, topic_id) != topic_id:
                raise recreated(topic)

    def _give_up_or_say(self, error: Exception, seconds: float) -> None:
        servers, limit = self._settings.kafka_bootstrap_servers, self._settings.retry_for
        if seconds > limit.total_seconds():
            raise GaveUpError(f"Kafka at {servers} has not answered for {limit}: {error!r}") from error
        log.warning("Kafka at %s does not answer for %.0f s, trying again: %r", servers, seconds, error)


def recreated(topic: str) -> LedgerMismatchError:
    """Return the error of a topic that is not the one the ledger knows."""
    return LedgerMismatchError(
        f"topic {topic} was deleted and made again: the ledger's offsets are of the old one."
        " docs/ledger.md says how to go on with the new one"
    )
