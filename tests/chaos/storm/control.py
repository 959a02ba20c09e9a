"""The test of the storm: one worker sleeps inside its transaction while another takes over.

With the fence its work is refused and everything counts once; without it the same must be seen to be
wrong, by the rows and by the audit of offsets, or the storm could not fail.
"""

import asyncio
from collections.abc import Callable
from random import Random

import psutil

from tests.chaos.storm.audit import Audit, audited
from tests.chaos.storm.fleet import COMMAND
from tests.chaos.storm.hooked import HOOKS
from tests.streaming import RAW, Process, Project, System, eventually, sample

MESSAGES, SAMPLES = 64, 50


async def fence_decides(system: System, seed: int, say: Callable[[str], None]) -> bool:
    """Say whether the fence, and nothing else, keeps a zombie's work out."""
    held = []
    for fence in (True, False):
        project = await system.organisation()
        async with audited(system) as audit:
            counted = await _zombie(system, project, fence=fence, seed=seed, audit=audit)
            breaks = await audit.breaks()
        right = counted == MESSAGES * SAMPLES and not breaks
        say(
            f"a zombie with the fence {'on' if fence else 'off'}: {counted} counted of {MESSAGES * SAMPLES},"
            f" {len(breaks)} breaks in the offsets{f', first: {breaks[0]}' if breaks else ''}"
        )
        held.append(right == fence)
    return all(held)


async def _zombie(system: System, project: Project, *, fence: bool, seed: int, audit: Audit) -> int:
    random, hooks = Random(seed), "audit" if fence else "audit,no-fence"
    async with system.producer() as producer:
        for _ in range(MESSAGES):
            message = project.batch([sample(1)] * SAMPLES)
            await producer.send(RAW, message, partition=random.randrange(system.partitions))
    with _worker(system, "zombie", f"{hooks},zombie") as zombie:
        asleep = psutil.Process(zombie.popen.pid)
        await eventually(lambda: asleep.status() == psutil.STATUS_STOPPED)
        with _worker(system, "heir", hooks):
            await system.read()
            before = await audit.moves()
            asleep.resume()

            async def answered() -> bool:
                return zombie.popen.poll() is not None or await audit.moves() > before

            await eventually(answered)
            await asyncio.sleep(2)  # what else the zombie has to write
            return await system.count(project)


def _worker(system: System, name: str, hooks: str) -> Process:
    environment = system.environment(**{HOOKS: hooks})
    return Process(["worker", "--name", name], environment, system.home / f"{name}-{hooks}.log", COMMAND)
