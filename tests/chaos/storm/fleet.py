"""Our processes under a supervisor that restarts whatever ends, as in production."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from cli.stack import state as states
from tests.chaos.storm.hooked import HOOKS
from tests.streaming import Process, System

COMMAND = [sys.executable, "-m", "tests.chaos.storm.hooked"]
EXPECTED = {0, -signal.SIGTERM, -signal.SIGKILL, 69, 74, 75}
"""Ended as asked (or before it could be), killed, Kafka or PostgreSQL away at the start, fenced, gave up.

All else is a failure.
"""
BACKOFF = 0.5


class Keeper:
    """One process and its successors."""

    def __init__(
        self,
        system: System,
        name: str,
        arguments: Sequence[str],
        hooks: str,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.busy = name, False
        self.codes: Counter[int] = Counter()
        self.odd: list[str] = []
        self._system, self._arguments = system, arguments
        self._environment = {HOOKS: hooks, "AUGENTIS_RETRY_FOR": "20s", **(more or {})}
        self._process: Process | None = None
        self._ending = False

    @property
    def pid(self) -> int | None:
        return self._process.popen.pid if self._process and self._process.popen.poll() is None else None

    def send(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    async def run(self) -> None:
        """Run it, and again."""
        while not self._ending:
            log = self._system.home / f"storm-{self.name}-{self.codes.total()}.log"
            environment = self._system.environment(**self._environment)
            self._process = Process(self._arguments, environment, log, COMMAND)
            code = await asyncio.to_thread(self._process.popen.wait)
            self.codes[code] += 1
            if code not in EXPECTED:
                self.odd.append(f"{log.name} ended with {code}:\n{states.tail(log, 25)}")
            await asyncio.sleep(BACKOFF)

    def end(self) -> None:
        self._ending = True
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)


@asynccontextmanager
async def fleet(system: System, workers: int, hooks: str = "audit") -> AsyncIterator[list[Keeper]]:
    """Run `workers` workers and a relay."""
    keepers = [Keeper(system, f"w{n + 1}", ["worker", "--name", f"w{n + 1}"], hooks) for n in range(workers)]
    keepers.append(Keeper(system, "relay", ["relay"], hooks))
    tasks = [asyncio.create_task(keeper.run()) for keeper in keepers]
    try:
        yield keepers
    finally:
        for keeper in keepers:
            keeper.end()
        _, late = await asyncio.wait(tasks, timeout=15)
        for keeper in keepers if late else []:
            keeper.send(signal.SIGKILL)
        await asyncio.gather(*tasks)
