"""Asks the brokers, every few seconds, whether they are there and whether the topics are still the same.

aiokafka retries for ever, and reads on from a topic that was deleted and made again as if nothing were.
Partitions that were added it would notice after five minutes; whoever runs a watch is told at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from migrations.topics import KafkaUnreachableError
from settings import Settings
from settings.kafka import client_options
from streams.errors import GaveUpError, LedgerMismatchError
from streams.topic_ids import Topic, look_up

log = logging.getLogger(__name__)

EVERY_SECONDS = 2.0
LONGEST_WAIT = 10.0
ANSWER_SECONDS = 5.0
AWAY = (KafkaError, OSError, TimeoutError)


async def _nobody() -> None:
    """Tell nobody of added partitions."""


class KafkaWatch:
    """Watches `topics`; `ids` are theirs at the start. `on_added` is told of partitions that were added."""

    def __init__(self, settings: Settings, topics: Sequence[str]) -> None:
        self._settings, self._topics = settings, topics
        self._known: dict[str, Topic] = {}
        self.on_added: Callable[[], Awaitable[None]] = _nobody

    @property
    def ids(self) -> dict[str, str]:
        """Return Kafka's id of each topic."""
        return {name: topic.id for name, topic in self._known.items()}

    def places(self) -> set[tuple[str, int]]:
        """Return all partitions, as (topic, number)."""
        return {(name, number) for name, topic in self._known.items() for number in range(topic.partitions)}

    async def start(self) -> None:
        """Learn the ids.

        Raises:
            KafkaUnreachableError: no broker answers.
        """
        try:
            self._known = await self._ask()
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
                found = await self._ask()
            except AWAY as error:
                away_since = away_since or time.monotonic()
                self._give_up_or_say(error, time.monotonic() - away_since)
                wait = min(wait * 1.5, LONGEST_WAIT)
                continue
            if away_since is not None:
                log.info("Kafka answers again")
            away_since, wait = None, EVERY_SECONDS
            await self._compare(found)

    async def _ask(self) -> dict[str, Topic]:
        client = AIOKafkaClient(
            **client_options(self._settings), request_timeout_ms=int(ANSWER_SECONDS * 1000)
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.bootstrap()
                return await look_up(client, self._topics)
        finally:
            await client.close()

    async def _compare(self, found: dict[str, Topic]) -> None:
        before, self._known = self._known, found
        added = []
        for name, topic in found.items():
            known = before.get(name, topic)
            if known.id != topic.id:
                raise recreated(name)
            if known.partitions != topic.partitions:
                added.append(f"{name} has {topic.partitions} partitions now, {known.partitions} before")
        if added:
            log.info("%s", "; ".join(added))
            await self.on_added()

    def _give_up_or_say(self, error: Exception, seconds: float) -> None:
        servers, limit = self._settings.kafka_bootstrap_servers, self._settings.retry_for
        missing = isinstance(error, UnknownTopicOrPartitionError)
        if seconds > limit.total_seconds():
            what = f"has had no topic {error.args[0]}" if missing else "has not answered"
            raise GaveUpError(f"Kafka at {servers} {what} for {limit}: {error!r}") from error
        what = f"has no topic {error.args[0]}" if missing else "does not answer"
        log.warning("Kafka at %s %s for %.0f s, trying again: %r", servers, what, seconds, error)


def recreated(topic: str) -> LedgerMismatchError:
    """Return the error of a topic that is not the one the ledger knows."""
    return LedgerMismatchError(
        f"topic {topic} was deleted and made again: the ledger's offsets are of the old one."
        f" To go on with the new one: `augentis ledger reset {topic} --to earliest --reason ...`"
        " (docs/operations.md)"
    )
