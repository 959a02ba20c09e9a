"""A complete local day of Telemetry: what the daily test folds."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, isfinite

LONGEST_DAY = timedelta(hours=25)
"""A day on which the clocks go back."""
PLACES = 25
"""Places for hours in a day, counted so that the last one is always the hour before midnight."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, order=True)
class Hour:
    """One hour of Telemetry.

    `start` is time-zone aware; `value` is in the metric's unit (percent 0..100, ms, count an hour); `weight`
    is the denominator, or the number of samples. An hour of weight 0 says nothing and counts as missing.
    """

    start: datetime
    value: float
    weight: float


@dataclass(frozen=True)
class DayBatch:
    """The hours that start in the local day `day`, in any order, missing ones left out.

    `ends_at` (time-zone aware) is the end of that day, `users` its distinct users (0 = not reported),
    `samples` its samples; the hours that start in `excluded` say nothing, whatever they hold.

    Raises:
        ValueError: an hour is outside the day, doubled, or no finite number with a weight of 0 or more.
    """

    day: date
    ends_at: datetime
    hours: tuple[Hour, ...]
    users: int
    samples: int
    excluded: frozenset[datetime] = frozenset()

    def __post_init__(self) -> None:
        for hour in self.hours:
            self._check(hour)
        if len({self.place(hour.start) for hour in self.hours}) < len(self.hours):
            raise ValueError(f"{self.day}: an hour is given twice")
        for start in self.excluded:
            self._check_start(start)

    def _check(self, hour: Hour) -> None:
        self._check_start(hour.start)
        if not (isfinite(hour.value) and isfinite(hour.weight) and hour.weight >= 0):
            raise ValueError(f"{hour.start.isoformat()}: value and weight must be finite, weight 0 or more")

    def _check_start(self, start: datetime) -> None:
        if not timedelta(0) < self.ends_at - start <= LONGEST_DAY:
            raise ValueError(f"{start.isoformat()} is not in the day that ends at {self.ends_at}")

    def measured(self) -> list[Hour]:
        """Return the hours that say something, in order of time."""
        return sorted(hour for hour in self.hours if hour.weight > 0 and hour.start not in self.excluded)

    def place(self, start: datetime) -> int:
        """Return the place 0..24 of an hour, counted from the day's end: any time zone of `start` will do.

        The local hour is one less, on days of 23 hours too; on a day of 25 hours the first two are hour 0.
        """
        return PLACES - ceil((self.ends_at - start) / _HOUR)
