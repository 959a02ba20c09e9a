"""Kafka's ids of topics (KIP-516): a topic that was deleted and made again has another one.

aiokafka asks for metadata up to version 5, ids came with version 10. So the request of version 12 is
written here, out of aiokafka's own building blocks.
"""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import NamedTuple
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields


class Topic(NamedTuple):
    """Which topic it is, and how many partitions it has now."""

    id: str
    partitions: int


class Uuid:
    """Sixteen bytes on the wire."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        """Return the wire's bytes."""
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        """Read an id."""
        return UUID(bytes=data.read(16))


_BROKER = (
    ("node_id", Int32),
    ("host", CompactString("utf-8")),
    ("port", Int32),
    ("rack", CompactString("utf-8")),
    ("tags", TaggedFields),
)
_PARTITION = (
    ("error_code", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)),
    ("isr", CompactArray(Int32)),
    ("offline_replicas", CompactArray(Int32)),
    ("tags", TaggedFields),
)
_TOPIC = (
    ("error_code", Int16),
    ("topic", CompactString("utf-8")),
    ("topic_id", Uuid),
    ("is_internal", Boolean),
    ("partitions", CompactArray(*_PARTITION)),
    ("authorized_operations", Int32),
    ("tags", TaggedFields),
)


class _Answer(Response):  # type: ignore[misc]  # aiokafka is untyped here
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(*_BROKER)),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        ("topics", CompactArray(*_TOPIC)),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataOfTopics(Request[_Question]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Question]) -> _Question:
        wanted: list[tuple[UUID, str, dict[int, bytes]]] = [
            (UUID(int=0), topic, {}) for topic in self._topics
        ]
        return request_struct_class(wanted, False, False, {})


async def look_up(client: AIOKafkaClient, topics: Iterable[str]) -> dict[str, Topic]:
    """Return what Kafka says of each of `topics`.

    Raises:
        KafkaError: no broker answers, or a topic is not there.
    """
    answer = await client.send(client.get_random_node(), _MetadataOfTopics(sorted(topics)))
    found = {}
    for error_code, topic, topic_id, _, partitions, *_ in answer.topics:
        if error_code:
            error: type[KafkaError] = for_code(error_code)
            raise error(topic)
        found[topic] = Topic(str(topic_id), len(partitions))
    return found
