"""The cap on the series of a project: what is beyond it is refused, what was known goes on.

Cohorts or features made of user ids would make a series of every user. What a chunk has of series that
are neither in the worker's memory nor in the database undoes its transaction, as a missing month does,
and the chunk is counted again without them.
"""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from storage import series
from storage.ledger import Connection
from storage.partials import SeriesHour
from storage.series import SeriesName

REMEMBERED = 20_000
"""Series that a partition remembers; more are looked up again."""
BARRED_FOR = 60.0
"""Seconds for which a series that had no room is refused without another look."""


class TooManySeriesError(Exception):
    """A chunk has series for which there is no room."""

    def __init__(self, barred: set[SeriesName]) -> None:
        super().__init__(f"{len(barred)} series have no room")
        self.barred = barred


@dataclass(slots=True)
class Known:
    """What a partition's worker knows of series; `clock` counts seconds."""

    clock: Callable[[], float] = time.monotonic
    counted: set[SeriesName] = field(default_factory=set)
    _barred: dict[SeriesName, float] = field(default_factory=dict)

    def barred(self) -> Collection[SeriesName]:
        """Return the series that had no room a moment ago."""
        if self._barred:
            since = self.clock() - BARRED_FOR
            self._barred = {name: at for name, at in self._barred.items() if at > since}
        return self._barred.keys()

    def bar(self, names: Iterable[SeriesName]) -> None:
        """Remember that `names` have no room."""
        if len(self._barred) > REMEMBERED:
            self._barred.clear()
        self._barred.update(dict.fromkeys(names, self.clock()))

    def count(self, cells: Iterable[SeriesHour]) -> None:
        """Remember, after the commit, that the series of `cells` are counted."""
        if len(self.counted) > REMEMBERED:
            self.counted.clear()
        self.counted.update(map(series.name_of, cells))


async def make_room(connection: Connection, known: Known, cells: Iterable[SeriesHour], most: int) -> None:
    """Count the series of `cells`, each new to the partition, against their projects' caps.

    Raises:
        TooManySeriesError: some have no room; the transaction must be undone.
    """
    names = dict.fromkeys(map(series.name_of, cells))
    new = [name for name in names if name not in known.counted]
    barred = await series.add(connection, new, most) if new else set()
    if barred:
        raise TooManySeriesError(barred)
