"""How a consumer without a group ends: ours are all of this kind, Faust's has its own."""

import asyncio

from aiokafka import AIOKafkaConsumer


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer without a group, and close its connections.

    aiokafka's stop() cancels a task of its own and waits for it. A task that has not begun ends in its
    cancellation; stop() passes that on and leaves the connections open (aiokafka's issue 647). One turn of
    the loop lets it begin.
    """
    await asyncio.sleep(0)
    await consumer.stop()
