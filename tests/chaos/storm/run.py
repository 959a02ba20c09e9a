"""One storm: traffic, what goes wrong meanwhile, and the verdict."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.chaos.storm import verdict
from tests.chaos.storm.audit import audited
from tests.chaos.storm.fleet import fleet
from tests.chaos.storm.flow import Flow, Message
from tests.chaos.storm.monkey import Monkey
from tests.streaming import RAW, System, eventually

PATIENT = 240.0
DLQ = f"{RAW}.dlq"
Act = Callable[[Monkey], Any]


@dataclass
class Result:
    """What a storm was, and what did not hold."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    exits: dict[str, dict[int, int]] = field(default_factory=dict)
    messages: int = 0
    samples: int = 0
    letters: int = 0
    moves: int = 0
    again: int = 0
    rows: int = 0

    @property
    def right(self) -> bool:
        return not any(self.faults.values())


class Pump:
    """An app that sends: idempotent, so that nothing is in the log twice unless it is sent twice."""

    def __init__(self, producer: AIOKafkaProducer, flows: Sequence[Flow], pace: float) -> None:
        self._producer, self._flows, self._pause = producer, flows, 1 / pace
        self._acknowledged: list[asyncio.Future[Any]] = []
        self.sent: Counter[Message] = Counter()

    async def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            partition, value = message
            self._acknowledged.append(await self._producer.send(RAW, value, partition=partition))
            self.sent[message] += 1

    async def run(self, progress: Callable[[], float]) -> None:
        """Send until `progress` is 1."""
        while (at := progress()) < 1:
            for flow in self._flows:
                await self.send(list(flow.some(at)))
                await asyncio.sleep(self._pause)

    async def finish(self) -> None:
        await asyncio.gather(*self._acknowledged)


@asynccontextmanager
async def pump(system: System, flows: Sequence[Flow], pace: float) -> AsyncIterator[Pump]:
    async with system.producer(enable_idempotence=True, linger_ms=20, request_timeout_ms=300_000) as producer:
        yield Pump(producer, flows, pace)


async def storm(
    system: System, flows: Sequence[Flow], act: Act, *, workers: int = 2, pace: float = 10, wide: int = 10
) -> Result:
    """Send the flows (messages a second: `pace`) while `act` does its worst; then look what is there."""
    result, began = Result(), await system.ends(RAW)
    come = [0.0]
    async with audited(system) as audit, fleet(system, workers) as keepers, pump(system, flows, pace) as app:
        for flow in flows:
            await app.send(flow.first())
        monkey = Monkey(system, keepers, audit, flows[0].seed)
        sending = asyncio.create_task(app.run(lambda: come[-1]))
        wideness = asyncio.create_task(_send_wide(app, flows, wide, pace))
        try:
            async for at in act(monkey):
                come.append(at)
                assert not sending.done(), sending.exception()
        finally:
            come.append(1.0)
            await monkey.rest()
            await asyncio.gather(sending, wideness)
        await app.finish()
        await settled(system, flows)
        result.moves, result.faults["offsets"] = await audit.moves(), await audit.breaks()
        await _judge(system, flows, app, began, result)
        result.faults["processes"] = [line for keeper in keepers for line in keeper.odd]
        result.done, result.exits = monkey.done, {each.name: dict(each.codes) for each in keepers}
    return result


async def _send_wide(app: Pump, flows: Sequence[Flow], wide: int, pace: float) -> None:
    for flow in flows:
        for message in flow.wide(wide):
            await app.send([message])
            await asyncio.sleep(1 / pace)


async def settled(system: System, flows: Sequence[Flow]) -> None:
    """Wait until all is read, closed and relayed."""
    await system.read(seconds=PATIENT)
    for flow in flows:
        await system.closed(flow.project, seconds=PATIENT)

    async def relayed() -> bool:
        return bool(await system.value("SELECT count(*) = 0 FROM outbox WHERE topic = $1", DLQ))

    await eventually(relayed, PATIENT, lambda: "dead letters stay in the outbox")


async def _judge(
    system: System, flows: Sequence[Flow], app: Pump, began: dict[int, int], result: Result
) -> None:
    log = [each for each in await system.records(RAW) if each.offset >= began[each.partition]]
    # Topics that are bound to a project have their letters there too.
    own = [each for each in await system.records(DLQ) if dict(each.headers)["augentis-topic"] == RAW.encode()]
    letters = [each for each in own if _offset(each) >= began[_partition(each)]]
    result.faults["log"] = verdict.sent_once(log, app.sent)
    result.faults["dead letters"] = verdict.dead_letters(log, letters, flows)
    result.faults["dead letters"] += await verdict.noted(system, letters, began)
    result.faults["telemetry"] = [line for flow in flows for line in await verdict.telemetry(system, flow)]
    result.messages, result.letters = len(log), len(letters)
    result.again = sum(flow.again for flow in flows)
    result.rows = sum([len(await system.telemetry(flow.project)) for flow in flows])
    result.samples = sum(len(flow.samples) for flow in flows)


def _partition(letter: Any) -> int:
    return int(dict(letter.headers)["augentis-partition"])


def _offset(letter: Any) -> int:
    return int(dict(letter.headers)["augentis-offset"])
