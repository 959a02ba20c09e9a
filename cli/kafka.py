"""Looks at Kafka's logs, for the operator's commands: no consumer group, nothing committed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from cli.exits import Unavailable
from settings import Settings
from settings.kafka import client_options
from streams import consumers

START_SECONDS = 15.0


async def partitions(settings: Settings) -> dict[str, list[int]]:
    """Return the partitions of every topic; one is never named, since asking for it may make it.

    Raises:
        Unavailable: no broker answers.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        async with reached(settings):
            await admin.start()
            described = await admin.describe_topics()
    finally:
        await admin.close()
    return {topic["topic"]: sorted(part["partition"] for part in topic["partitions"]) for topic in described}


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer of nothing yet, that commits nothing.

    Raises:
        Unavailable: no broker answers.
    """
    options: dict[str, Any] = {"enable_auto_commit": False, "auto_offset_reset": "earliest"}
    consumer = AIOKafkaConsumer(**client_options(settings), **options)
    try:
        async with reached(settings):
            await consumer.start()
        yield consumer
    finally:
        await consumers.stop(consumer)


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[None]:
    """Turn what aiokafka raises while the brokers are away into one error with their address."""
    try:
        async with asyncio.timeout(START_SECONDS):
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        servers = settings.kafka_bootstrap_servers
        raise Unavailable(f"Kafka at {servers} does not answer ({type(error).__name__})") from error
