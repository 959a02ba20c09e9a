"""What is known of a stack from outside: does it run, what does its supervisor say."""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from cli.stack.layout import Layout, write_private

ServiceState = Literal["starting", "running", "restarting", "stopping", "stopped", "external"]


@dataclass
class Service:
    """One child of the supervisor. `address` is the bootstrap servers or the owner's database URL."""

    state: ServiceState = "stopped"
    address: str | None = None
    pid: int | None = None
    log: str | None = None


@dataclass
class State:
    """The state file. `note` is what a start is busy with if that takes long, `error` why it failed."""

    supervisor: int = 0
    services: dict[str, Service] = field(default_factory=dict)
    note: str | None = None
    error: str | None = None

    @property
    def summary(self) -> Literal["running", "partial", "stopped"]:
        """`running` if every service is that the stack has taken on."""
        states = {service.state for service in self.services.values()}
        if states <= {"running"} and states:
            return "running"
        return "partial" if self.supervisor else "stopped"

    def write(self, layout: Layout) -> None:
        """Replace the state file."""
        write_private(layout.state, json.dumps(asdict(self)))


def read(layout: Layout) -> State | None:
    """Return what the supervisor wrote last, None if it never wrote."""
    try:
        raw: dict[str, Any] = json.loads(layout.state.read_text())
    except FileNotFoundError:
        return None
    services = {name: Service(**service) for name, service in raw.pop("services").items()}
    return State(**raw, services=services)


def become_supervisor(layout: Layout) -> bool:
    """Take the supervisor's lock until this process ends; returns False if another supervisor has it.

    Only the kernel gives it back, however the process ends, which a pid file cannot promise.
    """
    descriptor = os.open(layout.lock, os.O_CREAT | os.O_RDWR, 0o600)
    return _try_lock(descriptor, fcntl.LOCK_EX, patience=1.0)


def is_supervised(layout: Layout) -> bool:
    """Return whether a supervisor lives; if none does, remove what a killed one could not."""
    if not layout.lock.exists():
        return False
    with layout.lock.open() as file:
        # Shared, so that two who look do not take each other for a supervisor.
        if not _try_lock(file.fileno(), fcntl.LOCK_SH):
            return True
        layout.env.unlink(missing_ok=True)
        return False


def current(layout: Layout) -> State:
    """Return the state of the stack as it is now."""
    if not is_supervised(layout):
        return State()
    state = read(layout)
    if state is None or not _is_alive(state.supervisor):
        # A new supervisor has the lock and has not said a word yet.
        return State(supervisor=-1)
    return state


def document(state: State, layout: Layout, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what `stack status --json` prints; a part named in the environment is `external`."""
    kafka = _shown(state, "kafka", environment.get("KAFKA_BOOTSTRAP_SERVERS"))
    postgres = _shown(state, "postgres", environment.get("DATABASE_URL"))
    return {
        "state": state.summary,
        "data_dir": str(layout.root),
        "kafka": {
            "state": kafka.state,
            "bootstrap_servers": kafka.address,
            "pid": kafka.pid,
            "log": kafka.log,
        },
        "postgres": {
            "state": postgres.state,
            "database_url": postgres.address,
            "pid": postgres.pid,
            "log": postgres.log,
        },
    }


def tail(log: Path, lines: int = 30) -> str:
    """Return the last lines of a log, indented."""
    return "\n".join("  " + line for line in log.read_text(errors="replace").splitlines()[-lines:])


def _shown(state: State, name: str, external: str | None) -> Service:
    if name in state.services:
        return state.services[name]
    return Service("external", external) if external else Service()


def _try_lock(descriptor: int, kind: int, patience: float = 0.0) -> bool:
    """Try for `patience` seconds, since somebody may just be looking (`is_supervised`)."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
