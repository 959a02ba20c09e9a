"""The published ends of the chains, as Kafka keeps them."""

import json
from collections.abc import AsyncIterator

from aiokafka import TopicPartition

from cli.kafka import looking, partitions, reached
from governance.records import Head, head_of
from settings import Settings
from streams.heads import TOPIC

_WAIT_MS = 500


async def published(settings: Settings) -> AsyncIterator[Head]:
    """Yield every head that was ever published, up to the present end of the topic.

    Raises:
        Unavailable: no broker answers.
    """
    known = await partitions(settings)
    places = [TopicPartition(TOPIC, part) for part in known.get(TOPIC, ())]
    if not places:
        return
    async with looking(settings) as consumer:
        consumer.assign(places)
        async with reached(settings):
            ends = await consumer.end_offsets(places)
            await consumer.seek_to_beginning(*places)
        left = set(places)
        while left := {place for place in left if await consumer.position(place) < ends[place]}:
            for records in (await consumer.getmany(timeout_ms=_WAIT_MS)).values():
                for record in records:
                    yield head_of(json.loads(record.value))
