"""Starting, finding and ending a stack from another process."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cli.stack import state as states
from cli.stack.account import data_directory
from cli.stack.layout import Layout
from cli.stack.state import State
from cli.stack.supervisor import START_PATIENCE, StackError

_PARTS_BY_SETTING = {"KAFKA_BOOTSTRAP_SERVERS": "kafka", "DATABASE_URL": "postgres"}
PARTS = tuple(_PARTS_BY_SETTING.values())
_DOWNLOAD_PATIENCE = 600.0


def wanted_parts(environment: Mapping[str, str]) -> list[str]:
    """Return the parts to embed: those whose address the environment does not name."""
    return [part for name, part in _PARTS_BY_SETTING.items() if not environment.get(name)]


def is_running(layout: Layout) -> bool:
    """Return whether a supervisor lives, whatever its parts are at."""
    return states.is_supervised(layout)


def launch(layout: Layout, parts: Sequence[str], parent: int | None) -> "subprocess.Popen[bytes]":
    """Start a supervisor, which ends with the process `parent` if that is given, and its log."""
    layout.create()
    arguments = [sys.executable, "-m", "cli.stack", "--home", str(layout.home), "--parts", ",".join(parts)]
    if parent is not None:
        arguments += ["--parent", str(parent)]
    with layout.log("supervisor").open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # our own interpreter and module
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
        )


def wait_until_running(
    layout: Layout, supervisor: "subprocess.Popen[bytes]", progress: Callable[[str], None]
) -> State:
    """Return the state once every part accepts clients, be it under `supervisor` or one that was faster.

    Raises:
        StackError: the start failed.
    """
    told: set[str] = set()
    deadline = time.monotonic() + START_PATIENCE + _DOWNLOAD_PATIENCE
    while time.monotonic() < deadline:
        ended = supervisor.poll() is not None
        state = states.current(layout)
        for line in _news(state):
            if line not in told:
                told.add(line)
                progress(line)
        if state.summary == "running":
            return state
        if ended and not states.is_supervised(layout):
            raise StackError(_reason(layout))
        time.sleep(0.05)
    raise StackError(f"the stack did not come up; see {layout.log('supervisor')}")


def bring_down(layout: Layout) -> bool:
    """Stop the stack and wait until it is gone; returns False if none was running."""
    found = False
    while states.is_supervised(layout):
        found = True
        supervisor = states.current(layout).supervisor
        if supervisor > 0:
            os.kill(supervisor, signal.SIGTERM)
        _wait_until_gone(layout, supervisor)
    return found


def purge(layout: Layout) -> list[Path]:
    """Delete the data and logs of a stack that does not run, and return what was deleted."""
    gone = [path for path in (data_directory(layout), layout.root) if path.exists()]
    for path in gone:
        _remove(path)
    return gone


def _remove(path: Path) -> None:
    """Delete a folder; a process that is just ending may still take files out of it."""
    for _ in range(10):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.1)
    shutil.rmtree(path)


def _news(state: State) -> list[str]:
    lines = [state.note] if state.note else []
    return lines + [f"{name} {service.state}" for name, service in state.services.items()]


def _reason(layout: Layout) -> str:
    state = states.read(layout)
    if state is not None and state.error:
        return state.error
    log = layout.log("supervisor")
    return f"the supervisor ended at once; {log} ends with:\n{states.tail(log)}"


def _wait_until_gone(layout: Layout, supervisor: int) -> None:
    while states.is_supervised(layout) and states.current(layout).supervisor == supervisor:
        time.sleep(0.05)
