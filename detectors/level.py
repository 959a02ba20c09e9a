"""The level of the daily means, and their scatter from day to day."""

from dataclasses import dataclass, replace
from math import sqrt

from detectors.autocovariance import KEEP, MEMORY

STEP = 3.0
"""Long-run deviations beyond which a day is more than wobble."""
_CLIP = 3.5
_CLIP_FROM = 7
"""Days of scatter from which an outlying day can be told."""
_HOURLY_WEIGHT = 60
"""How many days of scatter the hourly estimate of the variance is worth."""
_FLOOR_FROM = 10


@dataclass(frozen=True)
class Level:
    """Running mean of the daily means (`days` of them at most 120), and moments of their residuals.

    `squares` and `products` are sums over `residuals` days and `pairs` of consecutive days; `last` is the
    residual of the day before, None after a gap; `far` the side on which the day before was a step away,
    0 for neither.
    """

    mean: float = 0.0
    days: int = 0
    squares: float = 0.0
    residuals: float = 0.0
    products: float = 0.0
    pairs: float = 0.0
    last: float | None = None
    far: int = 0

    @property
    def variance(self) -> float:
        """The variance of a daily mean about the level; 0 while nothing is known."""
        return self.squares / self.residuals if self.residuals else 0.0

    def expected(self, today: float) -> float:
        """Return the mean that today's hours scatter about: today takes part while few days are known."""
        if self.days < 20:  # noqa: PLR2004 - then the mean is as good as the day is
            return (self.mean * self.days + today) / (self.days + 1)
        return self.mean

    def blend(self, hourly: float) -> float:
        """Return the long-run variance of a daily mean: `hourly`, what the hours say, and the days' scatter.

        With some days known their scatter is also a floor: hours cannot see what moves slower than hours do.
        """
        weight = self.residuals
        if not weight:
            return hourly
        correlation = self._correlation()
        daily = self.variance * (1 + correlation) / (1 - correlation)
        blended = (_HOURLY_WEIGHT * hourly + weight * daily) / (_HOURLY_WEIGHT + weight)
        if weight <= _FLOOR_FROM:
            return blended
        return max(blended, daily * (1 - 0.5 * sqrt(2 / weight)))

    def fold(self, value: float, deviation: float, *, consecutive: bool) -> "Level":
        """Return the level with one more daily mean; `consecutive`: the day before was folded too.

        `deviation` is the long-run one known before the day. The second day in a row beyond three of them on
        the same side starts a new level, so that a step is not learned as wobble: with it, a breach would
        hide its own end for months.
        """
        if not self.days:
            return replace(self, mean=value, days=1, last=None, far=0)
        far = self._far(value, deviation)
        if consecutive and far and far == self.far:
            return self.restart().fold(value, deviation, consecutive=consecutive)
        residual = self.clip(value - self.mean, _CLIP)
        last = self.last if consecutive else None
        keep = KEEP if self.residuals >= MEMORY else 1.0
        days = min(self.days + 1, MEMORY)
        return Level(
            mean=self.mean + (value - self.mean) / days,
            days=days,
            squares=keep * self.squares + residual**2 * self.days / (self.days + 1),
            residuals=keep * self.residuals + 1,
            products=keep * self.products + (residual * last if last is not None else 0.0),
            pairs=keep * self.pairs + (last is not None),
            last=residual,
            far=far,
        )

    def _far(self, value: float, deviation: float) -> int:
        if abs(value - self.mean) <= STEP * deviation:
            return 0
        return 1 if value > self.mean else -1

    def restart(self) -> "Level":
        """Return the level as unknown, with the scatter about the old one kept."""
        return replace(self, days=0)

    def clip(self, residual: float, deviations: float) -> float:
        """Return a day's residual, limited to so many standard deviations once these are known."""
        if self.residuals < _CLIP_FROM:
            return residual
        limit = deviations * sqrt(self.variance)
        return min(max(residual, -limit), limit)

    def _correlation(self) -> float:
        if not self.variance:
            return 0.0
        # Shrunk towards 0 while few pairs are known.
        lag_one = self.products / self.variance / (self.pairs + 20)
        return min(max(lag_one, -0.2), 0.8)
