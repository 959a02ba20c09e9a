"""The long-run variance of a day's mean, learned from the hours of few days.

Day-to-day scatter alone needs months, in which the test would raise twice the false alarms; the
autocovariances of hourly residuals (lags 0 to 8, the tail continued as AR(1)) are usable on the first day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from detectors.days import PLACES
from detectors.rows import Bools, Floats, Ints, columns, ratio

LAGS = 8
MEMORY = 120
"""Days after which moments are forgotten at the rate at which new ones arrive."""
KEEP = 1 - 1 / MEMORY
ENOUGH = 24
"""Hours from which the scale of an hour is known well enough to clip by it."""
_PRIOR_DAYS = 3.0
_HOURS = 24
_LAG = np.arange(LAGS + 1)


@dataclass(frozen=True, eq=False)
class Hourly:
    """Sums of products of hourly residuals `lag` hours apart, and how many: (S, 9), index = lag, 0..8.

    `tail` (S, 8) are the residuals of the last hours of the day before, NaN for missing ones, so that pairs
    reach over midnight; `ended` (S,) is the number of the hour after them.
    """

    products: Floats
    pairs: Floats
    tail: Floats
    ended: Ints

    @classmethod
    def start(cls, count: int) -> "Hourly":
        """Return what is known of `count` series before their first day."""
        zeros = np.zeros((count, LAGS + 1))
        return cls(zeros, zeros, np.full((count, LAGS), np.nan), np.zeros(count, np.int64))

    @property
    def hours(self) -> Floats:
        """How many hours (S,) the moments rest on."""
        return self.pairs[:, 0]

    @property
    def variance(self) -> Floats:
        """The variance (S,) of an hour about its expected value; 0 while nothing is known."""
        return ratio(self.products[:, 0], self.pairs[:, 0])

    @property
    def persistent(self) -> Floats:
        """The covariance (S,) of neighbouring hours: the part that more users an hour do not average out."""
        return np.maximum(0.0, ratio(self.products[:, 1], self.pairs[:, 1]))

    def fold(self, residuals: Floats, there: Bools, last_hour: Ints, days: Floats) -> "Hourly":
        """Return the moments with a day's residuals (S, 25), `there` (S, 25) saying which hours have one.

        `last_hour` (S,) is the number of the hour after the day, `days` (S,) how many were folded before.
        """
        keep = np.where(days >= MEMORY, KEEP, 1.0)[:, None]
        today = np.where(there, residuals, np.nan)
        # The 8 hours before place 0 and the 25 places: before a day of 24 hours the tail ends with place 0.
        known = columns(self.tail, last_hour - PLACES - self.ended, LAGS + PLACES, np.nan)
        known[:, LAGS:] = np.where(there, residuals, known[:, LAGS:])
        earlier = sliding_window_view(_and_counts(known), PLACES, axis=-1)[..., ::-1, :]
        sums = (_and_counts(today)[:, :, None, :] * earlier).sum(axis=-1)
        products, pairs = keep * self.products + sums[0], keep * self.pairs + sums[1]
        return Hourly(products, pairs, today[:, -LAGS:], last_hour)

    def day_variance(self, before: Floats, phi: Floats) -> Floats:
        """Return the long-run variance (S,) of the mean of 24 hours.

        `before` (S,) is the last estimate, NaN where there is none; `phi` (S,) the autocorrelation of hours
        that is assumed before any was seen.
        """
        variance, days = self.variance, self.hours / _HOURS
        inflation = (1 + phi) / (1 - phi)
        before = np.where(np.isnan(before), inflation * variance / _HOURS, before)
        # Residuals are taken about the day's own mean, which takes the mean's variance out of every product.
        taken = np.minimum(0.5 * before / (days + 1), variance)
        unseen = variance[:, None] * phi[:, None] ** _LAG
        covariances = ratio(self.products, self.pairs, unseen) + taken[:, None]
        beyond = _tail_ratio(covariances, variance, days, phi) * np.maximum(covariances[:, LAGS], 0.0)
        learned = covariances[:, 0] + 2 * covariances[:, 1:].sum(axis=-1) + 2 * beyond
        learned = np.maximum(learned, variance / 2)
        prior = _PRIOR_DAYS * inflation * covariances[:, 0]
        mixed: Floats = (days * learned + prior) / (days + _PRIOR_DAYS) / _HOURS
        return mixed


def _and_counts(residuals: Floats) -> Floats:
    """Return (2, ...): the residuals, 0 where missing, and 1 where they are there."""
    missing = np.isnan(residuals)
    return np.array([np.where(missing, 0.0, residuals), ~missing])


def _tail_ratio(covariances: Floats, variance: Floats, days: Floats, phi: Floats) -> Floats:
    """Return phi / (1 - phi) (S,) of the AR(1) that continues the covariances (S, 9) beyond the last lag."""
    prior = 0.04 * _PRIOR_DAYS * variance**2
    up = (covariances[:, 1:LAGS] * covariances[:, 2:]).sum(axis=-1)
    squares = (covariances[:, 1:LAGS] ** 2).sum(axis=-1)
    fitted = ratio(days * up + phi * prior, days * squares + prior)
    fitted = np.minimum(np.maximum(fitted, 0.0), 0.97)
    return fitted / (1 - fitted)
