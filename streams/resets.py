"""What an operator may do to the ledger: look at it beside the log, and set it, knowing what that costs.

A reset fences the worker that holds the partition: it ends (74), and begins where the ledger then stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient

from settings import Settings
from settings.kafka import client_options
from storage import ledger
from storage.ledger import Connection, Place, Standing
from streams import consumers
from streams.topic_ids import Topic, look_up

ANSWER_MS = 10_000


@dataclass(frozen=True, slots=True)
class Log:
    """A partition's log: which topic it is of, its first offset and the one that comes next."""

    topic_id: str
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class Change:
    """A reset to come; `to` is None where the topic no longer has the partition, and it is forgotten."""

    place: Place
    before: Standing | None
    log: Log | None
    to: int | None

    def costs(self) -> list[str]:
        """Say what is lost, skipped or counted again."""
        if self.log is None or self.to is None:
            return ["the topic no longer has this partition: it is forgotten"]
        if self.before is None:
            return _skipped(self.log.begins, self.to)
        if self.before.topic_id != self.log.topic_id:
            lost = "the topic was made again: what the old one held and was not read is lost"
            return [lost, *_skipped(self.log.begins, self.to)]
        stands = self.before.next_offset
        said = []
        if stands < self.log.begins:
            said.append(f"offsets {stands} to {self.log.begins - 1} were deleted unread: they are lost")
        if stands > self.log.ends:
            said.append(f"the log ends {stands - self.log.ends} offsets before what was counted")
        if self.to < min(stands, self.log.ends):
            said.append(
                f"offsets {self.to} to {min(stands, self.log.ends) - 1} are read again: batches whose id is"
                " still remembered count once, all others twice"
            )
        return [*said, *_skipped(max(stands, self.log.begins), self.to)]


def _skipped(start: int, to: int) -> list[str]:
    return [f"offsets {start} to {to - 1} are skipped: they never count"] if to > start else []


async def logs(settings: Settings, topic: str) -> dict[int, Log]:
    """Return the log of each partition of a topic.

    Raises:
        KafkaError: no broker answers, or the topic is not there.
    """
    options = client_options(settings)
    client = AIOKafkaClient(**options, request_timeout_ms=ANSWER_MS)
    consumer = AIOKafkaConsumer(**options, request_timeout_ms=ANSWER_MS, isolation_level="read_committed")
    try:
        await client.bootstrap()
        found: Topic = (await look_up(client, [topic]))[topic]
        await consumer.start()
        partitions = [TopicPartition(topic, number) for number in range(found.partitions)]
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumers.stop(consumer)
        await client.close()
    return {each.partition: Log(found.id, begins[each], ends[each]) for each in partitions}


def planned(
    stands: Sequence[Standing], found: Mapping[int, Log], place: Place, to: str, only: Sequence[int]
) -> list[Change]:
    """Return the changes that a reset means, in order.

    Args:
        stands: the ledger's rows of the topic.
        found: the topic's logs.
        place: consumer and topic; its partition does not count.
        to: `earliest`, `latest`, or an offset.
        only: the partitions to set; none: all.

    Raises:
        ValueError: a partition is in neither ledger nor topic, or its log does not have the offset.
    """
    rows = {row.place.partition: row for row in stands}
    wanted = sorted(set(only) or rows.keys() | found.keys())
    missing = [number for number in wanted if number not in rows and number not in found]
    if missing:
        raise ValueError(f"topic {place.topic} has no partition {missing[0]}")
    return [
        Change(
            Place(place.consumer, place.topic, number),
            rows.get(number),
            found.get(number),
            _offset(found[number], to) if number in found else None,
        )
        for number in wanted
    ]


def _offset(log: Log, to: str) -> int:
    if to in ("earliest", "latest"):
        return log.begins if to == "earliest" else log.ends
    offset = int(to)
    if not log.begins <= offset <= log.ends:
        raise ValueError(f"offset {offset} is not in the log, which holds {log.begins} to {log.ends}")
    return offset


async def apply(connection: Connection, changes: Sequence[Change], reason: str) -> None:
    """Make the changes, all or none."""
    async with connection.transaction():
        for change in changes:
            if change.log is None or change.to is None:
                await ledger.drop(connection, change.place)
            else:
                await ledger.reset(connection, change.place, change.to, change.log.topic_id, reason)
