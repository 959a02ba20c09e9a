"""What the daily test learns of a series: its seasons, its level and how much a day's mean wobbles.

Learning never stops, not even under evidence: freezing it doubled the false alarms of slow series and found
nothing earlier. Only the scale of the hours is taken from the day under test, which is what makes the first
day testable.
"""

from dataclasses import dataclass, replace

import numpy as np

from detectors.autocovariance import Hourly
from detectors.daymean import Bias, day_mean, hour_weights
from detectors.grid import Days
from detectors.level import STEP, Level
from detectors.rows import Bools, Floats, Ints
from detectors.seasons import DaysOfWeek, HoursOfDay

_WEEKDAY_CLIP = 4.0
_STEPS_FROM = 7
"""Days after which the deviation is known well enough to tell a step by it."""
_SMALLEST = 1e-3
"""Deviation of a daily mean, as a share of the bound, below which a series is taken to wobble all the
same."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A day's mean (S,), less what is usual for its weekday, and its long-run standard deviation (S,).

    `expected` (S,) is what its hours scatter about, less the same.
    """

    mean: Floats
    deviation: Floats
    expected: Floats


@dataclass(frozen=True, eq=False)
class Scales:
    """What a series is measured by, each (S,): `unit` units of the metric are 1 in the test.

    `sampling` is the variance of one user at the bound, for proportions, else 0; `phi` the autocorrelation of
    hours assumed before any was seen.
    """

    unit: Floats
    sampling: Floats
    phi: Floats


@dataclass(frozen=True, eq=False)
class Baseline:
    """The learned state of S series after `days` (S,) folded days, the last of which was `last_day` (S,).

    `last_day` is a date's ordinal, 0 for none; `day_variance` (S,) the long-run variance of a full day's mean
    as last estimated, NaN before the first day.
    """

    days: Floats
    last_day: Ints
    hours_of_day: HoursOfDay
    days_of_week: DaysOfWeek
    hourly: Hourly
    level: Level
    bias: Bias
    day_variance: Floats

    @classmethod
    def start(cls, count: int) -> "Baseline":
        """Return what is known of `count` series before their first day."""
        return cls(
            days=np.zeros(count),
            last_day=np.zeros(count, np.int64),
            hours_of_day=HoursOfDay.start(count),
            days_of_week=DaysOfWeek.start(count),
            hourly=Hourly.start(count),
            level=Level.start(count),
            bias=Bias.start(count),
            day_variance=np.full(count, np.nan),
        )

    def fold(self, days: Days, scales: Scales) -> tuple["Baseline", Estimate]:
        """Return the state with one more day, and the estimate of that day by what was known before it."""
        there = days.there
        weight = np.where(there, days.weight, 0.0)
        offsets, usual = self.hours_of_day.offset(), self.days_of_week.offset(days.weekday)
        weights = hour_weights(weight, self.hourly, scales.sampling)
        today = day_mean(days.value / scales.unit[:, None] - offsets, there, weights, self.hourly)
        mean = today.mean + self.bias.correction
        value = mean - usual
        expected = self._expected(mean, usual)
        residuals = today.clipped - expected[:, None]
        hourly = self.hourly.fold(residuals, there, days.last_hour, self.days)
        variance = self._variance(hourly, weight, scales)
        deviation = np.sqrt(variance * np.maximum(1.0, 24 / today.effective))
        differences = today.clipped + offsets - mean[:, None]
        # Offsets must add up to nothing in the day's mean: rates pool by users, all else has hours alike.
        pooled = np.where(scales.sampling[:, None] > 0, weight, there)
        learned = Baseline(
            days=self.days + 1,
            last_day=days.day,
            hours_of_day=self.hours_of_day.fold(differences, pooled, there),
            days_of_week=self.days_of_week.fold(days.weekday, self._unusual(mean)),
            hourly=hourly,
            level=self.level.fold(value, self._known_deviation(), self.last_day == days.day - 1),
            bias=self.bias.fold(today.taken),
            day_variance=variance,
        )
        return learned, Estimate(value, deviation, expected - usual)

    def restart_level(self, which: Bools) -> "Baseline":
        """Return the state that takes the next day of those series for the level, whatever it was before."""
        return replace(self, level=self.level.restart(which))

    def _expected(self, mean: Floats, usual: Floats) -> Floats:
        expected = self.level.expected(mean) + usual
        # A day further off is a step, no wobble: it would hide itself in the scatter that it is judged by.
        limit = STEP * self._known_deviation()
        return np.minimum(np.maximum(expected, mean - limit), mean + limit)

    def _variance(self, hourly: Hourly, weight: Floats, scales: Scales) -> Floats:
        variance = self.level.blend(hourly.day_variance(self.day_variance, scales.phi))
        drawn = scales.sampling / weight.sum(axis=-1)
        return np.maximum(variance, np.where(scales.sampling > 0, drawn, _SMALLEST**2))

    def _unusual(self, mean: Floats) -> Floats:
        unusual = self.level.clip(mean - self.level.mean, _WEEKDAY_CLIP)
        return np.where(self.level.days > 0, unusual, 0.0)

    def _known_deviation(self) -> Floats:
        return np.where(self.days >= _STEPS_FROM, np.sqrt(self.day_variance), np.inf)
