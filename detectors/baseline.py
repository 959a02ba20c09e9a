"""What the daily test learns of a series: its seasons, its level and how much a day's mean wobbles.

Learning never stops, not even under evidence: freezing it doubled the false alarms of slow series and found
nothing earlier. Only the scale of the hours is taken from the day under test, which is what makes the first
day testable.
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from math import inf, sqrt

from detectors.autocovariance import Hourly
from detectors.daymean import Bias, DayMean, Sample, day_mean, hour_weights
from detectors.level import STEP, Level
from detectors.seasons import DaysOfWeek, HoursOfDay

_WEEKDAY_CLIP = 4.0
_STEPS_FROM = 7
"""Days after which the deviation is known well enough to tell a step by it."""
_SMALLEST = 1e-3
"""Deviation of a daily mean, as a share of the bound, below which a series is taken to wobble all the
same."""


@dataclass(frozen=True)
class Estimate:
    """A day's mean, less what is usual for its weekday, and its long-run standard deviation."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Baseline:
    """The learned state after `days` folded days, the last of which was `last_day` (ISO date, '' = none).

    `day_variance` is the long-run variance of a full day's mean as last estimated.
    """

    days: int = 0
    last_day: str = ""
    hours_of_day: HoursOfDay = field(default_factory=HoursOfDay)
    days_of_week: DaysOfWeek = field(default_factory=DaysOfWeek)
    hourly: Hourly = field(default_factory=Hourly)
    level: Level = field(default_factory=Level)
    bias: Bias = field(default_factory=Bias)
    day_variance: float | None = None

    def fold(self, day: date, samples: list[Sample], sampling: float) -> tuple["Baseline", Estimate]:
        """Return the state with one more day, and the estimate of that day by what was known before it.

        `samples` are the day's hours in order of time; `sampling` is the variance of one user at the bound,
        for proportions, else 0.
        """
        offsets = {sample.number: self.hours_of_day.offset(sample.hour) for sample in samples}
        weights = hour_weights(samples, self.hourly, sampling)
        today = day_mean(samples, offsets, weights, self.hourly)
        mean = today.mean + self.bias.correction
        value = mean - self.days_of_week.offset(day.weekday())
        hourly = self._hourly(today, mean, day.weekday())
        variance = self._variance(hourly, samples, sampling)
        estimate = Estimate(value, sqrt(variance * max(1.0, 24 / today.effective)))
        differences = {s.hour: today.clipped[s.number] + offsets[s.number] - mean for s in samples}
        learned = Baseline(
            days=self.days + 1,
            last_day=day.isoformat(),
            hours_of_day=self.hours_of_day.fold(differences, {s.hour: s.weight for s in samples}),
            days_of_week=self.days_of_week.fold(day.weekday(), self._unusual(mean)),
            hourly=hourly,
            level=self.level.fold(value, self._known_deviation(), consecutive=self._folded_before(day)),
            bias=self.bias.fold(today.taken),
            day_variance=variance,
        )
        return learned, estimate

    def restart_level(self) -> "Baseline":
        """Return the state that takes the next day for the level, whatever it was before."""
        return replace(self, level=self.level.restart())

    def _hourly(self, today: DayMean, mean: float, weekday: int) -> Hourly:
        expected = self.level.expected(mean) + self.days_of_week.offset(weekday)
        # A day further off is a step, no wobble: it would hide itself in the scatter that it is judged by.
        limit = STEP * self._known_deviation()
        expected = min(max(expected, mean - limit), mean + limit)
        residuals = {number: value - expected for number, value in today.clipped.items()}
        return self.hourly.fold(residuals, self.days)

    def _variance(self, hourly: Hourly, samples: list[Sample], sampling: float) -> float:
        variance = self.level.blend(hourly.day_variance(self.day_variance))
        floor = sampling / sum(sample.weight for sample in samples) if sampling else _SMALLEST**2
        return max(variance, floor)

    def _unusual(self, mean: float) -> float:
        return self.level.clip(mean - self.level.mean, _WEEKDAY_CLIP) if self.level.days else 0.0

    def _known_deviation(self) -> float:
        known = self.day_variance is not None and self.days >= _STEPS_FROM
        return sqrt(self.day_variance or 0.0) if known else inf

    def _folded_before(self, day: date) -> bool:
        return bool(self.last_day) and date.fromisoformat(self.last_day) == day - timedelta(days=1)
