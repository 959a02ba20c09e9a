"""Where a demo runs: a stack of its own, gone at the end or left up."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import settings
from cli.exits import CommandError, Exit
from cli.stack import StackError, control, ensure, running_stack
from cli.stack.layout import Layout

OURS = ("AUGENTIS_", "KAFKA_", "DATABASE_URL")
IDLE_AFTER = "2s"
"""The simulated hours are long over: nobody needs to wait for stragglers."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Site:
    """The demo's home, and the settings that its stack provides."""

    home: Path
    provided: Mapping[str, str]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of the demo's commands: nothing of the caller's own installation."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        own = {"AUGENTIS_HOME": str(self.home), "AUGENTIS_IDLE_AFTER": IDLE_AFTER}
        return {**outside, **self.provided, **own, **more}


@contextmanager
def passing(say: Say) -> Iterator[Site]:
    """Run a stack in a temporary home; nothing of it is left, however this process ends."""
    home = Path(tempfile.mkdtemp(prefix="augentis-demo-"))
    try:
        with _readable(), running_stack(home, progress=say) as provided:
            yield Site(home, provided)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def lasting(say: Say) -> Iterator[Site]:
    """Leave a stack up in a home of its own; one that an earlier demo left there is in the way.

    Raises:
        CommandError: an earlier demo's stack still runs.
    """
    home = settings.default_home() / "demo"
    layout = Layout(home)
    if control.is_running(layout):
        raise CommandError(
            f"an earlier demo is still up: end it with `AUGENTIS_HOME={home} augentis stack down --purge`"
        )
    control.purge(layout)
    try:
        with _readable():
            provided = ensure(home, say)
        yield Site(home, provided)
    except BaseException:
        control.bring_down(layout)
        raise


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except StackError as error:
        raise CommandError(str(error), Exit.UNAVAILABLE) from error


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
