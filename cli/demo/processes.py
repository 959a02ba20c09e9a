"""Worker, relay and API of a demo, held together by one process.

It ends, and they with it, when the demo ends (kill -9 included), when the demo's stack goes down, or when one
of them ends by itself. `python -m cli.demo.processes`, for `cli.demo.command`.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.exits import CommandError
from cli.stack import state as states
from cli.stack.children import Command, spawn, stop
from cli.stack.layout import Layout

LOOK_SECONDS = 0.3
STOP_SECONDS = 20.0

Check = Callable[[], None]


def commands(port: int) -> dict[str, list[str]]:
    """Return the command line of each service."""
    augentis = [sys.executable, "-m", "cli.main"]
    return {
        "worker": [*augentis, "worker", "--name", "demo"],
        "relay": [*augentis, "relay"],
        "api": [*augentis, "api", "--host", "127.0.0.1", "--port", str(port)],
    }


@contextmanager
def services(home: Path, port: int, *, keep: bool) -> Iterator[Check]:
    """Run the services for this process alone, or, with `keep`, until the stack of `home` goes down.

    Yields a function that raises `CommandError`, with the end of the log, once a service has ended.
    """
    log = Layout(home).log("demo")
    arguments = [sys.executable, "-m", "cli.demo.processes", "--home", str(home), "--port", str(port)]
    if not keep:
        arguments += ["--parent", str(os.getpid())]
    with log.open("ab") as output:
        keeper = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )

    def check() -> None:
        if keeper.poll() is not None:
            raise CommandError(f"the demo's services ended:\n{states.tail(log, 40)}")

    try:
        yield check
    except BaseException:
        _end(keeper)
        raise
    if not keep:
        _end(keeper)


def _end(keeper: "subprocess.Popen[bytes]") -> None:
    keeper.send_signal(signal.SIGTERM)
    try:
        keeper.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()  # its children are tied to it
        keeper.wait()


async def keep_together(layout: Layout, port: int, parent: int | None) -> int:
    """Run the services until they are unwanted or one ends; return 0 or 1."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    started = {
        name: await spawn(Command(arguments, Path("/")), layout.log(name))
        for name, arguments in commands(port).items()
    }
    try:
        while not ended.is_set() and _is_wanted(layout, parent):
            for name, process in started.items():
                if process.returncode is not None:
                    print(f"{name} ended with code {process.returncode}; its log ends with:")
                    print(states.tail(layout.log(name), 30), flush=True)
                    return 1
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        # With the demo or its stack gone there is nothing that they could bring to an end in order.
        how = signal.SIGTERM if _is_wanted(layout, parent) else signal.SIGKILL
        await asyncio.gather(*(stop(process, how) for process in started.values()))
    return 0


def _is_wanted(layout: Layout, parent: int | None) -> bool:
    return (parent is None or os.getppid() == parent) and states.is_supervised(layout)


def main() -> int:
    """Keep the services of the demo in `--home` together."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--parent", type=int)
    options = parser.parse_args()
    return asyncio.run(keep_together(Layout(options.home), options.port, options.parent))


if __name__ == "__main__":
    sys.exit(main())
