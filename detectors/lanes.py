"""What the fast lane (`detectors.fast`) knows and is given: one series as JSON, many as arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import isnan
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WINDOWS = (3, 12)
"""Hours of the short window, which says that a breach goes on, and of the long one: that it is no whim."""
TAIL = WINDOWS[-1] - 1
_NONE = (0.0,) * len(WINDOWS)


@dataclass(frozen=True)
class Lane:
    """What the fast lane knows of one series: under a kilobyte as JSON.

    `tail` holds the corrected values of the last 11 hours before hour number `end`, None where one is
    missing, `noise` their sampling variances, `weight` what they count. `days` are those with data. `count`,
    `squares`, `fourths` and `noises` are sums over the windows of 3 and of 12 hours: how many, the second and
    fourth power of their residuals, their sampling variances. `quiet_until` is the hour number from which a
    breach may be told again.
    """

    tail: tuple[float | None, ...] = (None,) * TAIL
    noise: tuple[float, ...] = (0.0,) * TAIL
    weight: tuple[float, ...] = (1.0,) * TAIL
    end: int = 0
    days: int = 0
    count: tuple[float, ...] = _NONE
    squares: tuple[float, ...] = _NONE
    fourths: tuple[float, ...] = _NONE
    noises: tuple[float, ...] = _NONE
    quiet_until: int = 0


@dataclass(frozen=True)
class Lanes:
    """The lanes of many series: the fields of `Lane` with a leading axis of series, NaN for None."""

    tail: Floats
    noise: Floats
    weight: Floats
    end: Ints
    days: Ints
    count: Floats
    squares: Floats
    fourths: Floats
    noises: Floats
    quiet_until: Ints

    @classmethod
    def of(cls, lanes: Sequence[Lane]) -> Self:
        """Return the lanes side by side."""
        return cls(
            **{each.name: _stacked(getattr(lane, each.name) for lane in lanes) for each in fields(Lane)}
        )

    def each(self) -> list[Lane]:
        """Return them one by one in plain Python numbers; `of` takes these back without losing a bit."""
        columns = [getattr(self, each.name).tolist() for each in fields(Lane)]
        return [Lane(*(_plain(value) for value in row)) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Hours:
    """One local day of each series, in the test's scale.

    `values` (series, columns): the hours in order of time from the day's first one on, less (or, of a
    `relative` series, divided by) what is usual for hour of day and weekday as known before the day; NaN
    where an hour is missing, excluded, still to come, or where the day has fewer hours than there are
    columns. `noise` (series, columns): the sampling variance of each value (for proportions p(1-p)/users,
    else 0), any finite number where there is none. `weight` (series, columns): what each counts in a mean,
    any finite number where there is none. `first` (series): the number of the day's first hour, consecutive
    over days. `length` (series): hours in the day, 23 to 25. `relative` (series): whether means wobble by
    factors, as those of counts do, and not by amounts; always the same for a series.
    """

    values: Floats
    noise: Floats
    weight: Floats
    first: Ints
    length: Ints
    relative: Flags


@dataclass(frozen=True)
class Sides:
    """The bounds (series, sides) in the test's scale; a NaN bound is a side that a series does not have.

    `sign` is +1 where lower values break the bound, -1 where higher ones do; `effect` is what margins are
    shares of.
    """

    sign: Floats
    bound: Floats
    effect: Floats


@dataclass(frozen=True)
class Breaches:
    """The first gross breach of each series' day: column of the hour that told it, and side; -1 for none.

    `mean` and `deviation` (standard, on the bound) are those of the short window that ended with that hour,
    NaN for none, in the test's scale and corrected as the values are.
    """

    column: Ints
    side: Ints
    mean: Floats
    deviation: Floats


def _stacked(values: Iterable[Any]) -> Any:
    rows = list(values)
    whole = all(isinstance(row, int) for row in rows)
    return np.array(rows, dtype=np.int64 if whole else np.float64)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(None if isnan(each) else each for each in value)
    return value
