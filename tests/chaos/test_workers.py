"""Workers killed and stopped in the middle of a stream: no Telemetry value changes."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random
from typing import Any

from streams.worker import READ_TOPICS
from tests.reference import check, traffic
from tests.streaming import PARTITIONS, RAW, Process, Project, System, eventually, sample

SAME = ("timestamp", "metric_name", "cohort", "feature", "metric_value", "unit", "numerator", "denominator")
SKETCHES = ("sample_count", "user_count", "latency_sketch", "users_sketch", "positive_users_sketch")
KILLS = 5


async def send(
    system: System, messages: Sequence[tuple[int, bytes]], hurry: asyncio.Event | None = None
) -> None:
    """Send messages as fast as it goes, or some a second until told to hurry."""
    async with system.producer() as producer:
        for number, (partition, message) in enumerate(messages):
            await producer.send(RAW, message, partition=partition)
            if hurry and not hurry.is_set() and number % 10 == 0:
                await asyncio.sleep(0.4)


async def values(system: System, project: Project) -> list[list[Any]]:
    return [[row[name] for name in SAME + SKETCHES] for row in await system.telemetry(project)]


async def test_workers_that_are_killed_change_no_value(system: System):
    random = Random(7)
    project = await system.organisation()
    twin = await system.another_project(project, "Undisturbed")
    # Without batch ids nothing but the ledger keeps a chunk from being counted twice.
    bare = await system.another_project(project, "Without batch ids")
    with_ids = traffic(project, seed=11, batches=150)
    without = traffic(bare, seed=12, batches=150, ids=False)
    both = _interleaved(with_ids.messages, without.messages)
    with ExitStack() as started:
        fleet = {name: started.enter_context(system.worker(name)) for name in ("w1", "w2")}
        await fleet["w1"].says("worker is up")
        hurry = asyncio.Event()
        sending = asyncio.create_task(send(system, both, hurry))
        for number in range(KILLS):
            name = ("w1", "w2")[number % 2]
            await fleet[name].says("worker is up")
            await asyncio.sleep(random.uniform(0, 1))
            fleet[name].kill()
            fleet[name] = started.enter_context(system.worker(name))
        assert not sending.done()
        hurry.set()
        await sending
        await system.closed(project)
        await system.closed(bare)
        check(await system.telemetry(project), with_ids.samples)
        check(await system.telemetry(bare), without.samples)
        await send(system, traffic(twin, seed=11, batches=150).messages)
        await system.closed(twin)
    assert await values(system, twin) == await values(system, project)


def _interleaved(one: Sequence[Any], two: Sequence[Any]) -> list[Any]:
    ranked = [(at / len(each), each[at]) for each in (one, two) for at in range(len(each))]
    return [message for _, message in sorted(ranked, key=lambda pair: pair[0])]


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
            sending = asyncio.create_task(send(system, messages, asyncio.Event()))
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
