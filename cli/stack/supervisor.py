"""The process that owns the broker and the database, and outlives neither its purpose nor its caller."""

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Protocol

from cli.stack import children
from cli.stack.layout import Layout, Memory, remember, write_private
from cli.stack.state import Service, ServiceState, State, become_supervisor, tail

_log = logging.getLogger("augentis.stack")
START_PATIENCE = 120.0
_BACKOFF = (0.5, 1.0, 2.0, 5.0, 10.0)


class Part(Protocol):
    """Something to keep running."""

    name: str
    gently: signal.Signals

    @property
    def address(self) -> str:
        """Where clients find it."""

    async def prepare(self, progress: Callable[[str], None]) -> None:
        """Do what is done before the first start only; `progress` may be called from any thread."""

    def command(self) -> children.Command:
        """Return how to start it."""

    async def is_ready(self) -> bool:
        """Return whether clients can use it."""


class End(Enum):
    """How a supervisor came to its end."""

    FOUND = "another one has the stack"
    TOLD = "it was told to, or nobody wants it any more"
    INTERRUPTED = "Ctrl-C"


class StackError(Exception):
    """The stack cannot start. The message names the log and shows its end."""


class Supervisor:
    """Starts the parts, restarts what dies, stops all when told to or when `wanted` turns false."""

    def __init__(
        self, layout: Layout, memory: Memory, parts: Sequence[Part], wanted: Callable[[], bool]
    ) -> None:
        self._layout = layout
        self._memory = memory
        self._parts = parts
        self._wanted = wanted
        self._stopping = asyncio.Event()
        self._end = End.TOLD
        self._loop = asyncio.get_running_loop()
        self._state = State(os.getpid())
        for part in parts:
            self._state.services[part.name] = Service(
                "starting", part.address, None, str(layout.log(part.name))
            )

    def stop(self, end: End) -> None:
        """Begin the end."""
        self._end = end
        self._stopping.set()

    async def run(self) -> End:
        """Keep the parts until told to stop.

        Raises:
            StackError: a part did not come up at the start; later deaths are answered with restarts.
        """
        self._state.write(self._layout)
        keepers = [asyncio.create_task(self._keep(part)) for part in self._parts]
        end = asyncio.create_task(self._until_unwanted())
        try:
            await asyncio.wait([*keepers, end], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._layout.env.unlink(missing_ok=True)
            for task in (*keepers, end):
                task.cancel()
            results = await asyncio.gather(*keepers, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return self._end

    async def _until_unwanted(self) -> None:
        while self._wanted():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.3)
                return

    async def _keep(self, part: Part) -> None:
        """Run the part again and again; a failure before its first readiness is the caller's."""
        try:
            await part.prepare(self._progress)
        except (OSError, RuntimeError) as error:
            raise self._failed(part, str(error)) from error
        failures, came_up = 0, False
        while True:
            process = await children.spawn(part.command(), self._layout.log(part.name))
            try:
                if await self._comes_up(part, process):
                    failures, came_up = 0, True
                    await process.wait()
                elif not came_up:
                    raise self._failed(part, _how_it_ended(process))
            finally:
                self._say(part, "stopping", process.pid)
                await asyncio.shield(children.stop(process, part.gently))
                self._say(part, "stopped", None)
            self._say(part, "restarting", None)
            delay = _BACKOFF[min(failures, len(_BACKOFF) - 1)]
            failures += 1
            _log.warning("%s %s; restarting in %s s", part.name, _how_it_ended(process), delay)
            await asyncio.sleep(delay)

    async def _comes_up(self, part: Part, process: asyncio.subprocess.Process) -> bool:
        self._say(part, "starting", process.pid)
        deadline = asyncio.get_running_loop().time() + START_PATIENCE
        while process.returncode is None and asyncio.get_running_loop().time() < deadline:
            if await part.is_ready():
                self._say(part, "running", process.pid)
                _log.info("%s accepts clients at %s", part.name, part.address.rpartition("@")[2])
                return True
            await asyncio.sleep(0.05)
        return False

    def _say(self, part: Part, state: ServiceState, pid: int | None) -> None:
        service = self._state.services[part.name]
        service.state, service.pid = state, pid
        if self._state.summary == "running" and not self._layout.env.exists():
            write_private(
                self._layout.env, json.dumps(environment(self._memory, self._state.services), indent=1)
            )
        self._state.write(self._layout)

    def _progress(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._note, text)

    def _note(self, text: str) -> None:
        _log.info("%s", text)
        self._state.note = text
        self._state.write(self._layout)

    def _failed(self, part: Part, reason: str) -> StackError:
        log = self._layout.log(part.name)
        message = f"{part.name} does not start: {reason}"
        if log.exists():
            message += f"\n{log} ends with:\n{tail(log)}"
        self._state.error = message
        self._state.write(self._layout)
        return StackError(message)


def environment(memory: Memory, parts: Mapping[str, Service]) -> dict[str, str]:
    """Return the settings that a running stack with these parts provides (`stack env`, `env.json`)."""
    values = {"AUGENTIS_SECRET_KEY": memory.secret_key, "AUGENTIS_WEBHOOK_SECRET": memory.webhook_secret}
    if "kafka" in parts:
        # Nobody but this machine's users reaches the broker, so messages may be believed.
        values |= {"KAFKA_BOOTSTRAP_SERVERS": memory.bootstrap_servers, "AUGENTIS_INGEST_AUTH": "open"}
    if "postgres" in parts:
        values |= {
            "DATABASE_URL": memory.owner_url,
            "DATABASE_URL_API": memory.database_url("augentis_api_login", memory.api_password),
            "DATABASE_URL_WORKER": memory.database_url("augentis_worker_login", memory.worker_password),
        }
    return values


async def supervise(layout: Layout, names: Sequence[str], wanted: Callable[[], bool]) -> End:
    """Run the stack until a signal comes or `wanted` is false; ends at once if another supervisor has it."""
    layout.create()
    if not become_supervisor(layout):
        return End.FOUND
    layout.state.unlink(missing_ok=True)
    memory = remember(layout)
    supervisor = Supervisor(layout, memory, _parts(layout, memory, names), wanted)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop, End.TOLD)
    loop.add_signal_handler(signal.SIGINT, supervisor.stop, End.INTERRUPTED)
    return await supervisor.run()


def _parts(layout: Layout, memory: Memory, names: Sequence[str]) -> list[Part]:
    # Each drags in its driver: only what is wanted.
    from cli.stack.kafka import Kafka  # noqa: PLC0415
    from cli.stack.postgres import Postgres  # noqa: PLC0415

    parts: list[Part] = []
    if "kafka" in names:
        parts.append(Kafka(layout, memory))
    if "postgres" in names:
        parts.append(Postgres(layout, memory))
    return parts


def _how_it_ended(process: asyncio.subprocess.Process) -> str:
    if process.returncode is None:
        return f"was not ready within {START_PATIENCE:.0f} s"
    return f"ended with code {process.returncode}"
