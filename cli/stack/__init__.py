"""The embedded stack: Apache Kafka and PostgreSQL with nothing preinstalled but Python.

For tests and the demo: `running_stack`. For people: `augentis stack` (`cli.stack.command`).
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.stack import control
from cli.stack.layout import Layout
from cli.stack.supervisor import StackError

__all__ = ["StackError", "ensure", "environment_of", "running_stack"]


def _on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def ensure(home: Path, progress: Callable[[str], None] = _on_stderr) -> dict[str, str]:
    """Start the stack of `home` detached, or find it running; return the settings it provides.

    It stays until `augentis stack down`.

    Raises:
        StackError: the start failed; the message names the log and shows its end.
    """
    layout = Layout(home.absolute())
    control.wait_until_running(layout, control.launch(layout, control.PARTS, parent=None), progress)
    return environment_of(home)


@contextmanager
def running_stack(
    home: Path, *, progress: Callable[[str], None] = _on_stderr, purge: bool = True
) -> Iterator[dict[str, str]]:
    """Run both parts below `home` for this process alone, and yield the settings they provide.

    However this process ends, kill -9 included, the stack ends within a second or two. `purge` also
    deletes its data at a regular end.

    Raises:
        StackError: the start failed, or a stack of `home` runs already.
    """
    layout = Layout(home.absolute())
    if control.is_running(layout):
        raise StackError(f"a stack of {home} runs already: end it with `augentis stack down`")
    supervisor = control.launch(layout, control.PARTS, parent=os.getpid())
    try:
        control.wait_until_running(layout, supervisor, progress)
        yield environment_of(home)
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()
        if purge:
            control.purge(layout)


def environment_of(home: Path) -> dict[str, str]:
    """Return the settings that the running stack of `home` provides, by the names of their variables."""
    env: dict[str, str] = json.loads(Layout(home.absolute()).env.read_text())
    return env
