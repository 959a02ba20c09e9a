"""One day's mean, robust against broken hours and without the bias that such robustness brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import median

from detectors.autocovariance import ENOUGH, Hourly

_CLIP = 3.0
_PRECISION_FROM = 48
"""Hours after which they are weighted by precision; before, by their users."""
_EXTRA = 3.0
"""How much of the hours' persistent covariance counts as scatter that more users do not average out."""
_BIAS_MEMORY, _BIAS_SHRINK = 180, 5


@dataclass(frozen=True)
class Sample:
    """An hour in the test's scale: `number` is consecutive over days, `hour` the local hour of day."""

    number: int
    hour: int
    value: float
    weight: float


@dataclass(frozen=True)
class Bias:
    """What clipping took off the daily means, on average over `days`: skewed metrics need it back."""

    taken: float = 0.0
    days: int = 0

    @property
    def correction(self) -> float:
        """What to add to a clipped mean: shrunk while few days are known."""
        return self.taken * self.days / (self.days + _BIAS_SHRINK)

    def fold(self, taken: float) -> "Bias":
        """Return the bias with one more day's clipped amount."""
        days = min(self.days + 1, _BIAS_MEMORY)
        return Bias(self.taken + (taken - self.taken) / days, days)


@dataclass(frozen=True)
class DayMean:
    """`clipped` values by hour number (offsets of the hour taken off), their weighted `mean`, and more.

    `taken` is what clipping took off the mean; `effective` how many equally weighted hours it is worth.
    """

    clipped: Mapping[int, float]
    mean: float
    taken: float
    effective: float


def hour_weights(samples: list[Sample], hourly: Hourly, sampling: float) -> list[float]:
    """Return what each hour counts: the same, unless `sampling`, the variance of one user, is above 0."""
    if not sampling:
        return [1.0] * len(samples)
    if hourly.hours < _PRECISION_FROM:
        return [sample.weight for sample in samples]
    extra = _EXTRA * hourly.persistent
    return [1 / (extra + sampling / sample.weight) for sample in samples]


def day_mean(
    samples: list[Sample], offsets: Mapping[int, float], weights: list[float], hourly: Hourly
) -> DayMean:
    """Return the mean of a day's samples less the offset of each (by hour number)."""
    raw = [sample.value - offsets[sample.number] for sample in samples]
    clipped = _clip(raw, hourly)
    total = sum(weights)
    return DayMean(
        clipped={sample.number: value for sample, value in zip(samples, clipped, strict=True)},
        mean=sum(weight * value for weight, value in zip(weights, clipped, strict=True)) / total,
        taken=sum(w * (r - c) for w, r, c in zip(weights, raw, clipped, strict=True)) / total,
        effective=total**2 / sum(weight * weight for weight in weights),
    )


def _clip(values: list[float], hourly: Hourly) -> list[float]:
    if hourly.hours < ENOUGH:
        return values
    middle, limit = median(values), _CLIP * sqrt(hourly.variance)
    return [min(max(value, middle - limit), middle + limit) for value in values]
