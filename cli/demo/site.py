"""Where a demo runs: a stack of its own, gone at the end or left up."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.exits import CommandError, Exit
from cli.stack import StackError, control, ensure, running_stack
from cli.stack.layout import Layout
from settings import default_home

OURS = ("AUGENTIS_", "KAFKA_", "DATABASE_URL")
IDLE_AFTER = "2s"
"""The simulated hours are long over: nobody needs to wait for stragglers."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Site:
    """The demo's home, and the settings that its stack provides."""

    home: Path
    provided: Mapping[str, str]

    @contextmanager
    def entered(self, **more: str) -> Iterator[None]:
        """Make this process, and those it starts, see the demo's settings and none of the caller's."""
        before = dict(os.environ)
        outside = {name: value for name, value in before.items() if not name.startswith(OURS)}
        own = {"AUGENTIS_HOME": str(self.home), "AUGENTIS_IDLE_AFTER": IDLE_AFTER}
        _replace_environment({**outside, **self.provided, **own, **more})
        try:
            yield
        finally:
            _replace_environment(before)


def _replace_environment(values: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


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
    home = Path(os.environ.get("AUGENTIS_HOME") or default_home()).absolute() / "demo"
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
