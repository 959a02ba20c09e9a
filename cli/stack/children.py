"""Child processes that do not outlive this one.

On Linux the kernel signals the child when its parent dies, kill -9 included, so that no helper is
needed that could be killed too. Elsewhere (macOS) there is no such call: the children end with every
end of the supervisor that runs code, not with a kill -9 of it.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Command:
    """A program to run; `user` is an account of the system (None: ours), `fatal` its signal at our death."""

    arguments: Sequence[str | Path]
    directory: Path
    user: str | None = None
    environment: Mapping[str, str] | None = None
    fatal: signal.Signals = signal.SIGKILL


def tie_to_parent(fatal: signal.Signals) -> Callable[[], None]:
    """Return a function for the child, after its change of user (which would undo it), before it execs."""
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def tie() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, fatal)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)

    return tie


async def spawn(command: Command, log: Path) -> asyncio.subprocess.Process:
    """Start `command`, its output appended to `log`.

    Call it in the main thread: the kernel's watch is on the thread that forks, not on the process.
    """
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            cwd=command.directory,
            env=None if command.environment is None else dict(command.environment),
            user=command.user,
            group=None if command.user is None else _group_of(command.user),
            extra_groups=None if command.user is None else [],
            # A terminal's Ctrl-C is for the supervisor, which then stops its children in order.
            start_new_session=True,
            preexec_fn=tie_to_parent(command.fatal),
        )


async def complete(command: Command, log: Path) -> None:
    """Run `command` to its end.

    Raises:
        RuntimeError: it ended with another code than 0.
    """
    process = await spawn(command, log)
    try:
        await process.wait()
    finally:
        await stop(process, signal.SIGKILL)
    if process.returncode != 0:
        raise RuntimeError(f"{Path(command.arguments[0]).name} ended with code {process.returncode}")


async def stop(process: asyncio.subprocess.Process, gently: signal.Signals, patience: float = 15.0) -> None:
    """Ask the process to end, and kill it if it has not after `patience` seconds."""
    if process.returncode is not None:
        return
    process.send_signal(gently)
    try:
        await asyncio.wait_for(process.wait(), patience)
    except TimeoutError:
        process.kill()
        await process.wait()


def _group_of(user: str) -> int:
    import pwd  # noqa: PLC0415  # not on every system, and needed for root alone

    return pwd.getpwnam(user).pw_gid
