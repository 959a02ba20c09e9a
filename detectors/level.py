"""The level of the daily means, and their scatter from day to day."""

from dataclasses import dataclass, replace

import numpy as np

from detectors.autocovariance import KEEP, MEMORY
from detectors.rows import Bools, Floats, clip, ratio

STEP = 3.0
"""Long-run deviations beyond which a day is more than wobble."""
_CLIP = 3.5
_CLIP_FROM = 7
"""Days of scatter from which an outlying day can be told."""
_HOURLY_WEIGHT = 60
"""How many days of scatter the hourly estimate of the variance is worth."""
_FLOOR_FROM = 10
_OWN_MEAN_UNTIL = 20
"""Days until which the level is no better known than a day's own mean is."""


@dataclass(frozen=True, eq=False)
class Level:
    """Running `mean` of the daily means (`days`, at most 120), and moments of their residuals: all (S,).

    `squares` and `products` are sums over `residuals` days and `pairs` of consecutive days; `last` is the
    residual of the day before, NaN after a gap; `far` the side on which the day before was a step away,
    0 for neither.
    """

    mean: Floats
    days: Floats
    squares: Floats
    residuals: Floats
    products: Floats
    pairs: Floats
    last: Floats
    far: Floats

    @classmethod
    def start(cls, count: int) -> "Level":
        """Return what is known of `count` series before their first day."""
        zero = np.zeros(count)
        return cls(zero, zero, zero, zero, zero, zero, np.full(count, np.nan), zero)

    @property
    def variance(self) -> Floats:
        """The variance of a daily mean about the level; 0 while nothing is known."""
        return ratio(self.squares, self.residuals)

    def expected(self, today: Floats) -> Floats:
        """Return the mean that today's hours scatter about: today takes part while few days are known."""
        young = (self.mean * self.days + today) / (self.days + 1)
        return np.where(self.days < _OWN_MEAN_UNTIL, young, self.mean)

    def blend(self, hourly: Floats) -> Floats:
        """Return the long-run variance of a daily mean: `hourly`, what the hours say, and the days' scatter.

        With some days known their scatter is also a floor: hours cannot see what moves slower than hours do.
        """
        weight = self.residuals
        correlation = self._correlation()
        daily = self.variance * (1 + correlation) / (1 - correlation)
        blended = (_HOURLY_WEIGHT * hourly + weight * daily) / (_HOURLY_WEIGHT + weight)
        floor = daily * (1 - 0.5 * np.sqrt(2 / np.maximum(weight, 1.0)))
        return np.where(weight > _FLOOR_FROM, np.maximum(blended, floor), blended)

    def fold(self, value: Floats, deviation: Floats, consecutive: Bools) -> "Level":
        """Return the level with one more daily mean; `consecutive`: the day before was folded too.

        `deviation` is the long-run one known before the day. The second day in a row beyond three of them on
        the same side starts a new level, so that a step is not learned as wobble: with it, a breach would
        hide its own end for months.
        """
        off = value - self.mean
        far = np.where(np.abs(off) <= STEP * deviation, 0.0, np.sign(off))
        anew = (self.days == 0) | (consecutive & (far != 0) & (far == self.far))
        residual = self.clip(off, _CLIP)
        paired = consecutive & ~np.isnan(self.last)
        keep = np.where(self.residuals >= MEMORY, KEEP, 1.0)
        days = np.minimum(self.days + 1, MEMORY)
        square = residual**2 * self.days / (self.days + 1)
        product = np.where(paired, residual * self.last, 0.0)
        return Level(
            mean=np.where(anew, value, self.mean + off / days),
            days=np.where(anew, 1.0, days),
            squares=np.where(anew, self.squares, keep * self.squares + square),
            residuals=np.where(anew, self.residuals, keep * self.residuals + 1),
            products=np.where(anew, self.products, keep * self.products + product),
            pairs=np.where(anew, self.pairs, keep * self.pairs + paired),
            last=np.where(anew, np.nan, residual),
            far=np.where(anew, 0.0, far),
        )

    def restart(self, which: Bools) -> "Level":
        """Return the level of those series as unknown, with the scatter about the old one kept."""
        return replace(self, days=np.where(which, 0.0, self.days))

    def clip(self, residual: Floats, deviations: float) -> Floats:
        """Return a day's residual, limited to so many standard deviations once these are known."""
        known = self.residuals >= _CLIP_FROM
        return clip(residual, np.where(known, deviations * np.sqrt(self.variance), np.inf))

    def _correlation(self) -> Floats:
        # Shrunk towards 0 while few pairs are known.
        lag_one = ratio(self.products, self.variance) / (self.pairs + 20)
        return np.minimum(np.maximum(lag_one, -0.2), 0.8)
