"""Workers that stop and go on, that restart at once, that start together: no Telemetry value changes."""

import asyncio
import signal
from collections.abc import Sequence

from streams.worker import READ_TOPICS
from tests.streaming import PARTITIONS, RAW, Process, Project, System, eventually, sample


async def send(system: System, messages: Sequence[tuple[int, bytes]], pause: float = 0.0) -> None:
    """Send messages, ten at a time."""
    async with system.producer() as producer:
        for number, (partition, message) in enumerate(messages):
            await producer.send(RAW, message, partition=partition)
            if pause and number % 10 == 0:
                await asyncio.sleep(pause)


async def test_a_worker_that_sleeps_while_another_takes_over_counts_nothing_twice(system: System):
    project = await system.organisation()
    messages = [(partition, project.batch([sample(1)] * 50)) for partition in (0, 1, 2, 3)] * 10
    with system.worker("w1") as zombie:
        await zombie.says("worker is up")
        await send(system, messages)
        await eventually(lambda: _counted(system, project))
        zombie.send(signal.SIGSTOP)
        await send(system, messages)
        with system.worker("w2") as heir:
            await heir.says(f"claimed {len(READ_TOPICS) * PARTITIONS} partitions")
            await system.read()
            assert await system.count(project) == 4000
            zombie.send(signal.SIGCONT)
            sending = asyncio.create_task(send(system, messages, 0.4))
            await eventually(lambda: _fenced_or_back(zombie))
            await sending
            await system.closed(project)
            (row,) = await system.telemetry(project)
            assert (row["sample_count"], row["metric_value"]) == (6000, 6000)
            assert heir.popen.poll() is None


async def _counted(system: System, project: Project) -> bool:
    return await system.count(project) > 0


def _fenced_or_back(zombie: Process) -> bool:
    code = zombie.popen.poll()
    assert code in {None, 74}, zombie.log
    return code == 74 or zombie.log.count("claimed") > 1
