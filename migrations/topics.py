"""The topics: made by `augentis migrate`, never by accident, and left as they are once they exist."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from settings import Settings
from settings.kafka import client_options

IN_TOPICS = ("raw_metrics", "otlp_metrics", "backfill_metrics")
OUT_TOPICS = ("telemetry_closed", "divergence_alerts", "audit_heads")
KEPT_FOR_EVER = ("audit_heads",)
"""Not compacted either: the newest head of a chain that was written anew hides those before."""
TOPICS = (
    *IN_TOPICS,
    *(f"{topic}.{suffix}" for topic in IN_TOPICS for suffix in ("dlq", "parked")),
    *OUT_TOPICS,
)
ANSWER_SECONDS = 15.0
SEEN_SECONDS = 0.05
ENVELOPE_BYTES = 1 << 17
"""What a record batch may need beyond the message: a dead letter's headers, the batch's own."""

Answer = TypeVar("Answer")
_BOUND = re.compile(rf"({'|'.join(IN_TOPICS)})\.[a-zA-Z0-9._-]+", re.ASCII)
_LONGEST = 240


class KafkaUnreachableError(Exception):
    """No broker answers."""

    exit_code = 69


class TopicRefusedError(Exception):
    """The brokers refuse to make a topic; the message has their reason."""

    exit_code = 2


def base_of(topic: str) -> str:
    """Return the in-topic that a bound one belongs to (`raw_metrics.acme`); any other topic is its own."""
    return topic.partition(".")[0]


def may_be_bound(topic: str) -> bool:
    """Say whether a topic of this name may be bound to a project."""
    ends_well = not topic.endswith((".dlq", ".parked"))
    return bool(_BOUND.fullmatch(topic)) and ends_well and len(topic) <= _LONGEST


async def make_topic(settings: Settings, topic: str) -> None:
    """Make one topic, as its in-topic was made, unless it is there.

    Raises:
        KafkaUnreachableError: no broker answers.
        TopicRefusedError: the brokers will not make it.
    """

    async def work(admin: Any) -> None:
        if topic not in await _existing(admin):
            await _make(admin, [topic], settings)

    await _with_admin(settings, work)


async def pending_topics(settings: Settings) -> list[str]:
    """Return the topics that `make_topics` would make.

    Raises:
        KafkaUnreachableError: no broker answers.
    """
    existing = await _with_admin(settings, _existing)
    return [topic for topic in TOPICS if topic not in existing]


async def make_topics(settings: Settings) -> tuple[list[str], list[str]]:
    """Make the topics that are missing; return their names, and a line for each that differs.

    A topic that exists keeps its partitions: adding some would send a project's messages elsewhere.

    Raises:
        KafkaUnreachableError: no broker answers.
        TopicRefusedError: the brokers will not make one.
    """

    async def work(admin: Any) -> tuple[list[str], list[str]]:
        existing = await _existing(admin)
        missing = [topic for topic in TOPICS if topic not in existing]
        if missing:
            await _make(admin, missing, settings)
        return missing, _differences(existing, settings.topic_partitions)

    return await _with_admin(settings, work)


async def _make(admin: Any, topics: list[str], settings: Settings) -> None:
    """Make topics, and wait until they are seen: a broker may not know yet what the controller has made."""
    made = await admin.create_topics([_definition(topic, settings) for topic in topics])
    _raise_refusals(made.topic_errors)
    while not set(topics) <= set(await _existing(admin)):  # noqa: ASYNC110 - nobody would set an event
        await asyncio.sleep(SEEN_SECONDS)


def largest_batch(settings: Settings) -> int:
    """Return the bytes of the largest record batch that the topics take which `make_topics` makes."""
    return max(settings.max_message_bytes, 1_000_000) + ENVELOPE_BYTES


def _definition(topic: str, settings: Settings) -> NewTopic:
    kept = int(settings.topic_retention.total_seconds() * 1000)
    config = {
        "retention.ms": "-1" if topic in KEPT_FOR_EVER else str(kept),
        "max.message.bytes": str(largest_batch(settings)),
    }
    if topic in IN_TOPICS or may_be_bound(topic):
        # A replay judges "future" by when the broker had the message, whatever clock the app has.
        config["message.timestamp.type"] = "LogAppendTime"
    return NewTopic(topic, settings.topic_partitions, settings.topic_replication, topic_configs=config)


def _differences(existing: dict[str, int], wanted: int) -> list[str]:
    return [
        f"topic {topic} is left with {existing[topic]} partitions, not {wanted} (AUGENTIS_TOPIC_PARTITIONS)"
        for topic in TOPICS
        if topic in existing and existing[topic] != wanted
    ]


def _raise_refusals(errors: list[tuple[Any, ...]]) -> None:
    for name, code, *rest in errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise TopicRefusedError(
                f"Kafka refuses to make topic {name}: {rest[0] if rest else error.__name__}"
            )


async def _existing(admin: Any) -> dict[str, int]:
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}


async def _with_admin(settings: Settings, work: Callable[[Any], Awaitable[Answer]]) -> Answer:
    options = client_options(settings)
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(ANSWER_SECONDS * 1000))
    try:
        async with asyncio.timeout(2 * ANSWER_SECONDS):
            await admin.start()
            return await work(admin)
    except (KafkaError, OSError) as error:
        servers = ",".join(options["bootstrap_servers"])
        raise KafkaUnreachableError(f"Kafka at {servers} does not answer: {error}") from error
    finally:
        await admin.close()
