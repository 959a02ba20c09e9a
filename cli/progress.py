"""How far a long command is, on stderr: a bar for people, a line now and then for logs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

REDRAW_SECONDS = 0.1
LINE_SECONDS = 10.0


class Reading(NamedTuple):
    """A look at the work: how much of how much (None: nobody knows) is done, and what it has come to."""

    done: float
    total: float | None
    words: str

    def __str__(self) -> str:
        """Return it as a line of a log."""
        return f"{self.words}, {100 * self.done / self.total:.0f} % read" if self.total else self.words


@asynccontextmanager
async def shown(look: Callable[[], Reading]) -> AsyncIterator[None]:
    """Show what `look` says until the block ends."""
    console = Console(stderr=True)
    watch = asyncio.create_task(_bar(console, look) if console.is_terminal else _lines(look))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def _lines(look: Callable[[], Reading]) -> None:
    while True:
        await asyncio.sleep(LINE_SECONDS)
        print(look(), file=sys.stderr, flush=True)


async def _bar(console: Console, look: Callable[[], Reading]) -> None:
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        while True:
            reading = look()
            progress.update(task, total=reading.total, completed=reading.done, description=reading.words)
            await asyncio.sleep(REDRAW_SECONDS)
