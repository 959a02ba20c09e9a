"""A short storm (`make chaos` is the long one): workers, relay and database in trouble, all rows right."""

from collections.abc import AsyncIterator

import pytest

from tests.chaos.storm.flow import Flow
from tests.chaos.storm.monkey import Monkey
from tests.chaos.storm.run import storm
from tests.streaming import System

EVENTS = (
    "stop a worker beyond its session",
    "kill PostgreSQL",
    "kill the relay",
    "kill a worker",
    "stop the broker",
    "kill all workers",
)


async def trouble(monkey: Monkey) -> AsyncIterator[float]:
    for number, what in enumerate(EVENTS):
        await monkey.act(what)
        await monkey.moved()
        yield number / len(EVENTS)


@pytest.mark.long
async def test_after_a_storm_every_row_and_every_dead_letter_is_right(system: System):
    project = await system.organisation()
    bare = await system.another_project(project, "Without batch ids")
    flows = [
        Flow(project, 5, system.partitions),
        # Nothing but the ledger keeps a chunk of these from being counted twice.
        Flow(bare, 6, system.partitions, resends=False),
    ]
    result = await storm(system, flows, trouble, pace=40)
    assert result.right, {what: lines[:10] for what, lines in result.faults.items()}
    assert result.done.total() == len(EVENTS)
    assert result.moves > len(EVENTS)
    assert result.letters > 0
    assert flows[0].again > 0
