"""`make chaos`: long storms on a stack of its own, by a seed; exit code 1 if anything did not hold."""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from cli.stack import running_stack
from tests.chaos.storm import control, replay
from tests.chaos.storm.flow import Flow
from tests.chaos.storm.monkey import Monkey
from tests.chaos.storm.run import Act, Result, storm
from tests.streaming import System

PARTITIONS = 8
TOLD = 10


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201  # a command's output


def trouble(events: int) -> Act:
    async def some(monkey: Monkey) -> AsyncIterator[float]:
        number = 0
        async for what in monkey.some(events):
            number += 1
            say(f"{number:>4} {what}")
            yield number / events

    return some


def tell(result: Result) -> None:
    say(f"{result.done.total()} events: {dict(result.done.most_common())}")
    say(
        f"{result.samples} samples in {result.messages} messages, {result.again} of them sent again;"
        f" {result.moves} transactions, {result.letters} dead letters, {result.rows} rows of Telemetry"
    )
    say(f"processes ended with {result.exits}")
    for what, lines in result.faults.items():
        say(f"{what}: {f'{len(lines)} WRONG' if lines else 'right'}")
        for line in lines[:TOLD]:
            say(f"    {line}")


async def main(seed: int, events: int) -> bool:
    with tempfile.TemporaryDirectory() as home, running_stack(Path(home), progress=say) as provided:
        system = System(Path(home), provided, PARTITIONS)
        migrated = system.augentis("migrate")
        if migrated.returncode:
            sys.exit(migrated.stderr)
        project = await system.organisation()
        bare = await system.another_project(project, "Without batch ids")
        only = await system.organisation()
        say(f"storm of {events} events, seed {seed}: batches with ids and resends beside some without")
        flows = [Flow(project, seed, PARTITIONS), Flow(bare, seed + 1, PARTITIONS, resends=False)]
        held = [await _storm(system, flows, events)]
        say(f"storm of {events // 4} events without a batch id or resend anywhere: only the ledger helps")
        bare_flows = [Flow(only, seed + 2, PARTITIONS, resends=False)]
        held.append(await _storm(system, bare_flows, events // 4))
        held.append(await replay.same(system, [*flows, *bare_flows], say))
        held.append(await control.fence_decides(system, seed, say))
    say("all held" if all(held) else "NOT all held")
    return all(held)


async def _storm(system: System, flows: Sequence[Flow], events: int) -> bool:
    result = await storm(system, flows, trouble(events))
    tell(result)
    return result.right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=200)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what runs is ended, as by Ctrl-C
    sys.exit(0 if asyncio.run(main(given.seed, given.events)) else 1)
