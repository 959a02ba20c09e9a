"""Between which values a series lies: a confidence sequence for the level of its last days.

The level of n days is the mean of what those days would have shown without wobble. The promise: in 19 of 20
years (any 365 complete days in a row) of a series, no interval of that year misses its level, on no day and
for no n from 1 to 7. So it may be looked at every day, on a day chosen by what it shows (that of an alarm),
over a number of days chosen by what they show (those since a break), and still holds with 95 % confidence.
A single interval, on a day chosen beforehand, holds with over 99.99 %. With the variance that the daily test
learns, 0.5, 1, 2, 4 and 9 % of 400 simulated years have a miss where hours are autocorrelated by 0, 0.5, 0.8,
0.9 and 0.95; at 0.95 nearly all of these are in the first month, when no one can know it.

It is a boundary for normal means, uniform in time over a year and in n, in the manner of Howard, Ramdas,
McAuliffe & Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences" (Annals of Statistics
2021); with the learned variance it holds asymptotically, as in Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
(Annals of Statistics 2024). A uniform horizon of a year instead of all time keeps it from widening with a
series' age, and makes it speak of the same time as the budget of false alarms does.

Every array has a leading axis of series; no series' result depends on its neighbours, to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from detectors.lanes import Floats, Ints
from detectors.rows import Bools

CONFIDENCE = 0.95
DAYS = 7
"""Most days that an interval is about: those over which the value of a report is pooled."""
LASTING = 2
"""Days in a row that a bound must be kept before a breach is over: what crosses it daily has no such days."""
BOUNDARY = 4.14
"""Standard deviations of the mean of n days by which, in 95 % of years, no such mean is off, n = 1 to 7: the
95 % quantile over 20 000 simulated years of normal days."""


@dataclass(frozen=True)
class Recent:
    """The last days folded of one series, oldest first: their means and long-run deviations, at most 7."""

    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()


@dataclass(frozen=True)
class Interval:
    """Low and high end (series) of the level of the last `days` (series) days; NaN where no day is known."""

    low: Floats
    high: Floats
    days: Ints


@dataclass(frozen=True)
class RecentDays:
    """`Recent` of many series: (series, 7), the newest day last, NaN where there are fewer."""

    means: Floats
    deviations: Floats

    @classmethod
    def of(cls, recent: Sequence[Recent]) -> Self:
        """Return those of several series side by side."""
        return cls(_padded([each.means for each in recent]), _padded([each.deviations for each in recent]))

    def each(self) -> list[Recent]:
        """Return them one by one in plain Python numbers; `of` takes these back without losing a bit."""
        pairs = zip(self.means.tolist(), self.deviations.tolist(), strict=True)
        return [Recent(_known(means), _known(deviations)) for means, deviations in pairs]

    def push(self, mean: Floats, deviation: Floats) -> Self:
        """Return the days with one more: its mean and long-run deviation (series), NaN where not folded.

        A day that was not folded takes no place: the interval is about the last days with enough data.
        """
        new = ~np.isnan(mean)[:, None]
        means = np.concatenate([self.means[:, 1:], mean[:, None]], axis=1)
        deviations = np.concatenate([self.deviations[:, 1:], deviation[:, None]], axis=1)
        return type(self)(np.where(new, means, self.means), np.where(new, deviations, self.deviations))

    def interval(self, days: Ints | int = DAYS) -> Interval:
        """Return the interval for the level of the last `days` (1 to 7) days, or of as many as are known."""
        total, variance, count = self._sums()
        known = count[:, -1]
        picked = np.clip(np.minimum(known, days), 1, DAYS)
        row = np.arange(len(picked)), picked - 1
        mean = total[row] / picked
        reach = BOUNDARY * np.sqrt(variance[row]) / picked
        return Interval(mean - reach, mean + reach, np.minimum(known, picked))

    def clearest(self, sign: Floats, bound: Floats) -> Ints:
        """Return over how many of the last days a breach of `bound` is clearest (series), 0 if none is known.

        `sign` is +1 where lower values break it, -1 where higher ones do. After a break that is, roughly, the
        number of days since.
        """
        total, variance, count = self._sums()
        size = np.arange(1, DAYS + 1)
        breach = sign[:, None] * (bound[:, None] * size - total) / np.sqrt(variance)
        breach = np.where(count == size, breach, -np.inf)
        return np.where(count[:, 0] > 0, breach.argmax(axis=1) + 1, 0)

    def keeps(self, sign: Floats, bound: Floats) -> Bools:
        """Say whether the last `LASTING` days all kept `bound` (series); `sign` is as in `clearest`."""
        # Of a day that is not known it is false, as is any comparison with NaN.
        beyond = sign[:, None] * (bound[:, None] - self.means[:, -LASTING:])
        kept: Bools = np.all(beyond <= 0, axis=-1)
        return kept

    def _sums(self) -> tuple[Floats, Floats, Ints]:
        """Return sums of means, of variances, and of days known, over the last 1 to 7 days (series, 7)."""
        means, deviations = self.means[:, ::-1], self.deviations[:, ::-1]
        known = np.cumsum(~np.isnan(means), axis=1)
        return np.cumsum(means, axis=1), np.cumsum(deviations**2, axis=1), known


def _padded(rows: Sequence[tuple[float, ...]]) -> Floats:
    return np.array([(np.nan,) * (DAYS - len(row)) + tuple(row) for row in rows], dtype=np.float64)


def _known(values: list[float]) -> tuple[float, ...]:
    return tuple(value for value in values if not np.isnan(value))
