"""The demo's progress on stderr: bars on a terminal, a line a stage elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cli.demo.planted import PLANTED
from cli.demo.simulation import DAYS, HOURS
from cli.demo.watch import Progress as Reached
from cli.publishing.run import Tally

PROJECTS = len({item.project for item in PLANTED})


class Bars:
    """Samples published, hours aggregated (of all projects), days judged (of all assumptions)."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._published = self._bar("samples published", None)
        self._hours = self._bar("hours aggregated", HOURS * PROJECTS)
        self._days = self._bar("days judged", DAYS * len(PLANTED))

    def _bar(self, name: str, total: int | None) -> TaskID:
        return self._progress.add_task(name, total=total)

    def published(self, tally: Tally) -> None:
        """Show how many samples Kafka has."""
        self._progress.update(self._published, completed=tally.published)

    def all_published(self, tally: Tally) -> None:
        """Show that these were all."""
        self._progress.update(self._published, completed=tally.published, total=tally.published)

    def reached(self, progress: Reached) -> None:
        """Show how far aggregation and detection are."""
        self._progress.update(self._hours, completed=progress.hours)
        self._progress.update(self._days, completed=progress.days)


@contextmanager
def bars(stderr: Console) -> Iterator[Bars]:
    """Show the bars while inside."""
    columns = (
        TextColumn("{task.description:18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal) as progress:
        yield Bars(progress)
