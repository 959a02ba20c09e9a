"""What goes wrong: at random, by a seed."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from random import Random

import asyncpg
import psutil

from cli.stack import state as states
from cli.stack.layout import Layout
from tests.chaos.storm.audit import Audit
from tests.chaos.storm.fleet import Keeper
from tests.streaming import System

AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
ZOMBIE = (7.0, 11.0)
"""Seconds that a worker is stopped; a consumer is out of its group after six."""
WEIGHTS = {
    "kill a worker": 30,
    "stop a worker beyond its session": 18,
    "end a worker": 8,
    "kill all workers": 4,
    "kill the relay": 8,
    "stop the relay": 4,
    "kill PostgreSQL": 5,
    "kill a session of PostgreSQL": 6,
    "stop PostgreSQL": 6,
    "kill the broker": 4,
    "stop the broker": 7,
}


class Monkey:
    """Does one bad thing after the other; what it stops, it continues."""

    def __init__(self, system: System, keepers: list[Keeper], audit: Audit, seed: int) -> None:
        self._system, self._audit, self._random = system, audit, Random(seed)
        self._workers, self._relay = keepers[:-1], keepers[-1]
        self._stopped: dict[str, asyncio.Task[None]] = {}
        self.done: Counter[str] = Counter()
        random, workers = self._random, self._workers
        self._acts: dict[str, Callable[[], Awaitable[None]]] = {
            "kill a worker": lambda: self._send([random.choice(workers)], signal.SIGKILL),
            "stop a worker beyond its session": lambda: self._stop(random.choice(workers), ZOMBIE),
            "end a worker": lambda: self._send([random.choice(workers)], signal.SIGTERM),
            "kill all workers": lambda: self._send(workers, signal.SIGKILL),
            "kill the relay": lambda: self._send([self._relay], signal.SIGKILL),
            "stop the relay": lambda: self._stop(self._relay, (1.0, 6.0)),
            "kill PostgreSQL": lambda: self._kill("postgres"),
            "kill a session of PostgreSQL": self._kill_session,
            "stop PostgreSQL": lambda: self._freeze("postgres", (1.0, 6.0)),
            "kill the broker": lambda: self._kill("kafka"),
            "stop the broker": lambda: self._freeze("kafka", (1.0, 9.0)),
        }

    async def act(self, what: str) -> None:
        """Do `what`, and count it."""
        await self._acts[what]()
        self.done[what] += 1

    async def some(self, events: int) -> AsyncIterator[str]:
        """Do `events` things, yielding what; between them something is counted, or some seconds pass.

        Every fourth waits longer, so that workers that start slowly count at all.
        """
        for number in range(events):
            (what,) = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))
            await self.act(what)
            yield what
            await asyncio.sleep(self._random.uniform(0, 1.5))
            await self.moved(30.0 if number % 4 == 3 else 3.0)

    async def rest(self) -> None:
        """Wait until what is stopped goes on."""
        await asyncio.gather(*self._stopped.values())

    async def moved(self, seconds: float = 3.0) -> None:
        """Wait until some chunk was counted, for `seconds` at most: trouble may be what keeps it."""
        before = await self._moves()
        for _ in range(round(seconds * 4)):
            await asyncio.sleep(0.25)
            if await self._moves() > max(before, 0):
                return

    async def _moves(self) -> int:
        with suppress(*AWAY):
            return await self._audit.moves()
        return -1

    async def _send(self, keepers: list[Keeper], number: signal.Signals) -> None:
        for keeper in keepers:
            keeper.send(number)

    def _later(self, name: str, seconds: tuple[float, float], go_on: Callable[[], None]) -> None:
        async def wait() -> None:
            try:
                await asyncio.sleep(self._random.uniform(*seconds))
            finally:
                go_on()

        self._stopped[name] = asyncio.create_task(wait())

    async def _over(self, name: str) -> None:
        if name in self._stopped:
            await self._stopped[name]

    async def _stop(self, keeper: Keeper, seconds: tuple[float, float]) -> None:
        await self._over(keeper.name)
        pid = keeper.pid
        if pid is not None:
            process = psutil.Process(pid)
            _each([process], "suspend")
            self._later(keeper.name, seconds, lambda: _each([process], "resume"))

    async def _freeze(self, part: str, seconds: tuple[float, float]) -> None:
        await self._over(part)
        processes = self._processes(part)
        _each(processes, "suspend")
        self._later(part, seconds, lambda: _each(processes, "resume"))

    async def _kill(self, part: str) -> None:
        await self._over(part)
        _each(self._processes(part)[:1], "kill")

    async def _kill_session(self) -> None:
        await self._over("postgres")
        _each(self._random.sample(found, 1) if (found := self._processes("postgres")[1:]) else [], "kill")

    def _processes(self, part: str) -> list[psutil.Process]:
        """Return the server and its children; nothing while it is being restarted."""
        with suppress(psutil.NoSuchProcess):
            pid = states.current(Layout(self._system.home)).services[part].pid
            if pid:
                parent = psutil.Process(pid)
                return [parent, *parent.children(recursive=True)]
        return []


def _each(processes: list[psutil.Process], what: str) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            getattr(process, what)()
