"""One local day of each of many series, as arrays: what the vectorised fold takes.

Hours have 25 places: place 24 is the last hour of the day, place 1 the first of a day of 24 hours, place 0
the first of a day of 25. A day of 23 hours leaves place 1 empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from detectors.days import PLACES, DayBatch
from detectors.rows import Bools, Floats, Ints, columns
from detectors.tiers import head_count

HOUR = 3600


@dataclass(frozen=True, eq=False)
class Days:
    """S series' days: `value` (S, 25) in the metric's unit, `weight` (S, 25), 0 where an hour is missing.

    `excluded` (S, 25) are hours that a team took out; `day` (S,) is the date's ordinal, `ends` (S,) the end
    of the day in seconds since 1970, `people` (S,) the users (or samples) of the day.
    """

    day: Ints
    ends: Ints
    value: Floats
    weight: Floats
    excluded: Bools
    people: Ints

    @classmethod
    def of(cls, batches: Sequence[DayBatch]) -> "Days":
        """Return a day of each series; the days need not be the same."""
        value, weight, excluded = (np.zeros((len(batches), PLACES)) for _ in range(3))
        for row, batch in enumerate(batches):
            for hour in batch.hours:
                place = batch.place(hour.start)
                value[row, place], weight[row, place] = hour.value, hour.weight
            for start in batch.excluded:
                excluded[row, batch.place(start)] = 1
        return cls(
            day=np.array([batch.day.toordinal() for batch in batches]),
            ends=np.array([int(batch.ends_at.timestamp()) for batch in batches]),
            value=value,
            weight=weight,
            excluded=excluded > 0,
            people=np.array([head_count(batch.users, batch.samples) for batch in batches]),
        )

    @classmethod
    def of_hours(cls, day: date, value: Floats, weight: Floats, people: Ints | None = None) -> "Days":
        """Return a day of 24 hours UTC: `value` and `weight` (S, 24), weight 0 for a missing hour.

        `people` (S,) defaults to the day's whole weight.
        """
        count, number = len(value), day.toordinal()
        first = np.full(count, -1)
        if people is None:
            people = weight.sum(axis=-1).astype(np.int64)
        return cls(
            day=np.full(count, number),
            ends=np.full(count, (number - date(1970, 1, 1).toordinal() + 1) * 24 * HOUR),
            value=columns(np.where(weight > 0, value, 0.0), first, PLACES, 0.0),
            weight=columns(weight, first, PLACES, 0.0),
            excluded=np.zeros((count, PLACES), bool),
            people=people,
        )

    @cached_property
    def there(self) -> Bools:
        """The hours (S, 25) that say something."""
        return self.measured & ~self.excluded

    @cached_property
    def measured(self) -> Bools:
        """The hours (S, 25) that would say something if no one had taken them out."""
        return self.weight > 0

    @cached_property
    def weekday(self) -> Ints:
        """The day of the week (S,), Monday = 0."""
        return (self.day + 6) % 7

    @cached_property
    def last_hour(self) -> Ints:
        """The number (S,) of the hour at place 25, the first of the next day: hours since 1970."""
        return -(-self.ends // HOUR)
