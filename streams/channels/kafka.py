"""A team's own topic: divergence_alerts.<slug of the organisation>, made when it is first written to."""

import asyncio
import re

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from migrations.topics import KafkaUnreachableError, TopicRefusedError, make_topic
from settings import Settings
from streams.alerts import TOPIC as OPERATORS
from streams.channels.parcel import Outcome, Parcel
from streams.channels.posting import UnfitError

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_LONGEST = 249
"""Characters of a topic's name at most: Kafka's limit."""


def topic_of(slug: str) -> str:
    """Return an organisation's own topic; its slug has no dot, so that no two have the same.

    Raises:
        UnfitError: it is no slug, or longer than a topic's name may be.
    """
    topic = f"{OPERATORS}.{slug}"
    if not _SLUG.fullmatch(slug) or len(topic) > _LONGEST:
        raise UnfitError("no topic can be named after this organisation")
    return topic


class KafkaSender:
    """Writes to topics of organisations, through the process's producer."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer | None) -> None:
        self._settings, self._producer = settings, producer
        self._there: set[str] = set()
        self._making = asyncio.Lock()

    async def send(self, parcel: Parcel) -> Outcome:
        """Write one record, which all replicas have when it is accepted.

        Raises:
            UnfitError: the organisation can have no topic.
        """
        if self._producer is None:
            return Outcome("retry", "this process does not write to Kafka")
        topic = topic_of(parcel.org_slug)
        try:
            await self._make(topic)
            await self._write(self._producer, topic, parcel)
        except MessageSizeTooLargeError:
            return Outcome("refused", f"{len(parcel.body)} bytes are too many for the topic")
        except (KafkaUnreachableError, TopicRefusedError, KafkaError) as error:
            return Outcome("retry", f"Kafka did not take it ({type(error).__name__})")
        return Outcome("accepted", f"in {topic}")

    async def _make(self, topic: str) -> None:
        async with self._making:
            if topic not in self._there:
                await make_topic(self._settings, topic)
                self._there.add(topic)

    async def _write(self, producer: AIOKafkaProducer, topic: str, parcel: Parcel) -> None:
        try:
            await producer.send_and_wait(topic, parcel.body, key=_key(parcel), headers=_headers(parcel))
        except BaseException:  # the end of our time among them: a topic that was deleted is not told at once
            self._there.discard(topic)
            raise


def _key(parcel: Parcel) -> bytes:
    return parcel.headers.get("thread", str(parcel.channel_id)).encode()


def _headers(parcel: Parcel) -> list[tuple[str, bytes]]:
    said = {
        "augentis-id": str(parcel.id),
        "augentis-kind": parcel.message,
        "content-type": parcel.headers.get("content-type", "application/json"),
    }
    return [(name, value.encode()) for name, value in said.items()]
