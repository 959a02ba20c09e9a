"""The letters as Kafka keeps them: read from the dead letter topics, from a time on to their present end."""

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition

from cli.kafka import looking, partitions, reached
from migrations.topics import base_of
from settings import Settings
from streams.replays import Letter, read

SKEW = timedelta(hours=1)
"""Kafka's clock may be this far behind the database's, by which `refused_at` is written."""
AT_ONCE = 500
_WAIT_MS = 500

Progress = Callable[[int, int], None]
"""Called with the records read so far, and with how many there are."""


async def letters(
    settings: Settings, topics: Iterable[str], since: datetime, progress: Progress
) -> AsyncIterator[list[Letter]]:
    """Yield letters about records of `topics` that were written at `since` or later, some at a time.

    Raises:
        Unavailable: no broker answers.
    """
    known = await partitions(settings)
    # Letters of a topic that is bound to a tenant are in that of the topic it is named after.
    names = {f"{base_of(topic)}.dlq" for topic in topics}
    places = [TopicPartition(name, part) for name in sorted(names) for part in known.get(name, ())]
    if not places:
        return
    async with looking(settings) as consumer:
        async with reached(settings):
            left = await _seek(consumer, places, since - SKEW)
        total, done = sum(end - start for start, end in left.values()), 0
        while left:
            fetched = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=AT_ONCE)
            for records in fetched.values():
                done += len(records)
                yield [letter for letter in map(read, records) if letter]
            progress(done, total)
            left = {place: span for place, span in left.items() if await consumer.position(place) < span[1]}


async def _seek(
    consumer: AIOKafkaConsumer, places: list[TopicPartition], since: datetime
) -> dict[TopicPartition, tuple[int, int]]:
    """Go to the first record of `since` or later; return start and end of those that have one."""
    at = int(since.timestamp() * 1000)
    starts = await consumer.offsets_for_times(dict.fromkeys(places, at))
    ends = await consumer.end_offsets(places)
    spans = {place: (start.offset, ends[place]) for place, start in starts.items() if start is not None}
    consumer.assign(list(spans))
    for place, (start, _) in spans.items():
        consumer.seek(place, start)
    return spans
