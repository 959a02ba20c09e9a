"""A consumer without a group leaves no connection behind, however soon it is stopped."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer
from aiokafka.conn import AIOKafkaConnection

from streams import consumers


async def left_open(kafka: str, stop: Callable[[AIOKafkaConsumer], Awaitable[None]]) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    before = _open()
    await consumer.start()
    consumer.assign([])  # asks for the cluster's layout, over a connection
    try:
        await stop(consumer)
    except asyncio.CancelledError:
        await asyncio.sleep(0.5)
    left = _open() - before
    await consumer._client.close()
    return left


def _open() -> int:
    return sum(isinstance(each, AIOKafkaConnection) and each.connected() for each in gc.get_objects())


async def test_a_consumer_that_is_stopped_at_once_leaves_no_connection(kafka: str):
    assert await left_open(kafka, consumers.stop) == 0


async def test_aiokafka_alone_leaves_one(kafka: str):
    """The positive control: its issue 647. Once this fails, streams.consumers may go."""
    assert await left_open(kafka, AIOKafkaConsumer.stop) == 1
