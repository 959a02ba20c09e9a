"""One day's mean, robust against broken hours and without the bias that such robustness brings."""

from dataclasses import dataclass

import numpy as np

from detectors.autocovariance import ENOUGH, Hourly
from detectors.rows import Bools, Floats

_CLIP = 3.0
_PRECISION_FROM = 48
"""Hours after which they are weighted by precision; before, by their users."""
_EXTRA = 3.0
"""How much of the hours' persistent covariance counts as scatter that more users do not average out."""
_BIAS_MEMORY, _BIAS_SHRINK = 180, 5


@dataclass(frozen=True, eq=False)
class Bias:
    """What clipping took off the daily means (S,), on average over `days` (S,): skew needs it back."""

    taken: Floats
    days: Floats

    @classmethod
    def start(cls, count: int) -> "Bias":
        """Return what is known of `count` series before their first day."""
        return cls(np.zeros(count), np.zeros(count))

    @property
    def correction(self) -> Floats:
        """What to add to a clipped mean (S,): shrunk while few days are known."""
        return self.taken * self.days / (self.days + _BIAS_SHRINK)

    def fold(self, taken: Floats) -> "Bias":
        """Return the bias with one more day's clipped amount."""
        days = np.minimum(self.days + 1, _BIAS_MEMORY)
        return Bias(self.taken + (taken - self.taken) / days, days)


@dataclass(frozen=True, eq=False)
class DayMean:
    """`clipped` hours (S, 25), 0 where missing, their weighted `mean` (S,), and more.

    `taken` (S,) is what clipping took off the mean; `effective` (S,) how many equally weighted hours it is
    worth.
    """

    clipped: Floats
    mean: Floats
    taken: Floats
    effective: Floats


def hour_weights(weight: Floats, hourly: Hourly, sampling: Floats) -> Floats:
    """Return what each hour counts (S, 25), from its `weight`, 0 where it is missing.

    Hours count the same, unless `sampling` (S,), the variance of one user, is above 0.
    """
    drawn = (sampling > 0)[:, None]
    noise = np.where(drawn, sampling[:, None], 1.0)
    precision = weight / ((_EXTRA * hourly.persistent)[:, None] * weight + noise)
    few = (hourly.hours < _PRECISION_FROM)[:, None]
    return np.where(drawn, np.where(few, weight, precision), weight > 0)


def day_mean(values: Floats, there: Bools, weights: Floats, hourly: Hourly) -> DayMean:
    """Return the mean of a day's hours: `values` (S, 25), `weights` (S, 25) of 0 where not `there`."""
    clipped = np.where(there, _clip(values, there, hourly), 0.0)
    total = weights.sum(axis=-1)
    return DayMean(
        clipped=clipped,
        mean=(weights * clipped).sum(axis=-1) / total,
        taken=(weights * np.where(there, values - clipped, 0.0)).sum(axis=-1) / total,
        effective=total**2 / (weights * weights).sum(axis=-1),
    )


def _clip(values: Floats, there: Bools, hourly: Hourly) -> Floats:
    known = hourly.hours >= ENOUGH
    limit = np.where(known, _CLIP * np.sqrt(hourly.variance), np.inf)[:, None]
    middle = _median(values, there)[:, None]
    return np.minimum(np.maximum(values, middle - limit), middle + limit)


def _median(values: Floats, there: Bools) -> Floats:
    """Return the median (S,) of the hours that are there, at least one."""
    ordered = np.sort(np.where(there, values, np.inf), axis=-1)
    count = there.sum(axis=-1)
    rows = np.arange(len(count))
    median: Floats = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
    return median
