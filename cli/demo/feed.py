"""The simulated samples to Kafka, by the same code as `augentis publish`."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

from cli.demo.companies import Company
from cli.demo.simulation import simulate
from cli.publishing.batcher import Batcher, BatchIds, Limits, Message
from cli.publishing.messages import Flat, encode
from cli.publishing.producer import open_publisher
from cli.publishing.run import Tally
from settings import Settings

BATCH_SIZE = 500
TOPIC = "raw_metrics"


async def feed(
    settings: Settings,
    companies: Mapping[str, Company],
    now: datetime,
    seed: int,
    told: Callable[[Tally], None],
) -> Tally:
    """Publish the whole simulation and return its counts; `told` of them as it goes.

    Raises:
        CommandError: Kafka does not take it.
    """
    tally = Tally()
    ready: list[Message] = []
    content = hashlib.sha256(f"{seed} {now.date()}".encode()).digest()
    limits = Limits(settings.max_message_bytes, settings.max_samples)
    batcher = Batcher(BatchIds(content, None), BATCH_SIZE, limits, ready.append)
    async with open_publisher(settings, TOPIC, None, tally.acknowledge) as publisher:
        for chunk in simulate(now, seed):
            tenant = companies[chunk.org].tenant(chunk.project)
            for sample in chunk.samples:
                tally.read += 1
                batcher.add(tally.read, Flat(tenant, encode(sample)))
            while ready:
                await publisher.send(ready.pop(0))
                told(tally)
        batcher.flush()
        for message in ready:
            await publisher.send(message)
    told(tally)
    return tally
