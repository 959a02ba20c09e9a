"""`make chaos-alerts`: a long storm of alerts on a stack of its own; exit code 1 if anything did not hold."""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from cli.stack import running_stack
from tests.chaos.alerts.cast import MOST
from tests.chaos.alerts.run import Plan, Result, storm
from tests.streaming import System

TEAMS = 4
PARTITIONS = 8
TOLD = 10


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201  # a command's output


def plan(seed: int, kills: int, reports: int) -> Plan:
    """Return the plan for at least so many reports."""
    assumptions = min(MOST, -(-reports // TEAMS))
    projects = -(-reports // (TEAMS * assumptions))
    return Plan(seed, kills, TEAMS, projects, assumptions, pause=1.5)


def tell(result: Result) -> None:
    say(f"killed with -9: {dict(result.killed)}; people: {dict(result.people)}")
    say(f"{result.reports} reports, now {dict(result.states)}")
    say(f"{result.deliveries.total()} deliveries: {dict(result.deliveries.most_common())}")
    say(
        f"{result.requests} requests received and answered {dict(result.answers.most_common())};"
        f" {result.repeated} deliveries came more than once"
    )
    for what, lines in result.faults.items():
        say(f"{what}: {f'{len(lines)} WRONG' if lines else 'right'}")
        for line in lines[:TOLD]:
            say(f"    {line}")


async def main(wanted: Plan) -> bool:
    with tempfile.TemporaryDirectory() as home, running_stack(Path(home), progress=say) as provided:
        system = System(Path(home), provided, PARTITIONS)
        migrated = system.augentis("migrate")
        if migrated.returncode:
            sys.exit(migrated.stderr)
        result = await storm(system, Path(home), wanted, say)
    tell(result)
    say("all held" if result.right else "NOT all held")
    return result.right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--reports", type=int, default=1000)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what runs is ended, as by Ctrl-C
    sys.exit(0 if asyncio.run(main(plan(given.seed, given.kills, given.reports))) else 1)
