"""How log demand answers to log price: the likelihood of an elasticity, after each day. Pure.

The model is a regression whose noise is an AR(1) process over days:

    log demand = level + weekday + trend + elasticity x log price + noise

Level and variance are free, weekdays and trend have normal priors (`WEEKDAY`, `TREND`: a trend of some
percent a month is not taken for the price's doing), the autocorrelation is averaged over a grid. All but the
elasticity is integrated out, so what is uncertain widens the likelihood instead of being plugged in: a
Student t mixture. Where the noise is slow, the days next to a change of price count most, by themselves.
Bayes factors of such likelihoods are e-processes where the model holds (Perez-Ortiz et al., "E-statistics,
group invariance and anytime-valid testing", Annals of Statistics 2024).

Sums over days are cumulated: what is said after a day is a function of the days until then, to the bit.
"""

from collections.abc import Sequence
from math import pi, sqrt

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

CORRELATIONS = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
"""Correlations of one day's noise with the next one's, equally likely at first."""
WEEKDAY = 0.3
"""Standard deviation of what a weekday adds to log demand, before any is seen."""
TREND = 0.01
"""The same of a month's trend."""
NOISE, NOISE_DAYS = 0.03, 2.0
"""The deviation of the noise expected at first, and how many days that is worth."""
PRIOR = 1.0
"""Standard deviation of the elasticity about the assumed one, for the interval."""
_MONTH = 30
_WEEK = 7
_NUISANCES = 1 + _WEEK + 1
_REACH, _STEPS = 12.0, 2401
"""The grid of an interval: so many deviations to either side, in so many points."""
CONSTANTS = (CORRELATIONS.tolist(), WEEKDAY, TREND, NOISE, NOISE_DAYS, PRIOR, _REACH, _STEPS)
"""All that decides what is returned, but the arguments."""


class Response:
    """The likelihood of elasticities after each of some days.

    Args:
        days: ordinals, rising; days may be missing.
        prices: logarithms, of any currency.
        demand: logarithms, of any unit.
    """

    def __init__(self, days: Sequence[int], prices: Sequence[float], demand: Sequence[float]) -> None:
        sums, spread = _sums(np.asarray(days), np.asarray(prices) - prices[0], np.asarray(demand) - demand[0])
        count = np.arange(1, len(days) + 1)
        variance = np.full(spread.shape, NOISE**2)
        for _ in range(2):
            rest, log_volume = _integrated(sums, variance)
            price, joint, total = rest[..., 0, 0], rest[..., 0, 1], rest[..., 1, 1]
            known = price > 0
            price = np.where(known, price, 1.0)
            left = np.maximum(total - np.where(known, joint**2 / price, 0), 0)
            variance = (left + NOISE_DAYS * NOISE**2) / (np.maximum(count - 2, 0) + NOISE_DAYS)
        self._price, self._joint, self._left, self._variance = price, joint, left, variance
        self._scale = log_volume - spread
        self._freedom = count - 1 + NOISE_DAYS

    def log_likelihood(self, elasticity: float) -> Array:
        """Return the log likelihood of an elasticity after each day, up to a constant of that day."""
        every: Array = self._log_likelihoods(np.array([elasticity]), slice(None))[:, 0]
        return every

    def estimates(self) -> tuple[Array, Array]:
        """Return mean and standard deviation of the elasticity after each day, with nothing known before."""
        peaks = self._scale - self._freedom / 2 * np.log(self._residual(self._left))
        deviations = np.sqrt(self._variance / self._price)
        weights = np.exp(peaks - peaks.max(0)) * deviations
        weights /= weights.sum(0)
        means = self._joint / self._price
        mean = (weights * means).sum(0)
        return mean, np.sqrt((weights * (deviations**2 + (means - mean) ** 2)).sum(0))

    def interval(self, index: int, assumed: float, confidence: float) -> tuple[float, float]:
        """Return between which elasticities the true one lies, after the day `index`.

        A confidence sequence: with `confidence` it lies in the intervals of all days at once (the ratio of
        prior to posterior; Waudby-Smith and Ramdas, NeurIPS 2020).
        """
        mean, deviation = (float(each[index]) for each in self.estimates())
        grid = mean + deviation * np.linspace(-_REACH, _REACH, _STEPS)
        likelihood = self._log_likelihoods(grid, slice(index, index + 1))[0]
        likelihood = np.exp(likelihood - likelihood.max())
        prior = np.exp(-0.5 * ((grid - assumed) / PRIOR) ** 2) / (PRIOR * sqrt(2 * pi))
        evidence = (likelihood * prior).sum() * (grid[1] - grid[0])
        inside = grid[likelihood > (1 - confidence) * evidence]
        return float(inside[0]), float(inside[-1])

    def _log_likelihoods(self, grid: Array, days: slice) -> Array:
        """Return them by day and elasticity."""
        price, joint = self._price[:, days, None], self._joint[:, days, None]
        off = self._left[:, days, None] + price * (grid - joint / price) ** 2
        freedom, scale = self._freedom[days, None], self._scale[:, days, None]
        each = scale - freedom / 2 * np.log(self._residual(off))
        most = each.max(0)
        mixed: Array = most + np.log(np.exp(each - most).mean(0))
        return mixed

    @staticmethod
    def _residual(squares: Array) -> Array:
        return squares + NOISE_DAYS * NOISE**2


def _sums(days: npt.NDArray[np.int64], prices: Array, demand: Array) -> tuple[Array, Array]:
    """Return the cumulated products of the regressors, whitened, by correlation and day.

    And half the log determinant of the noise's correlations.
    """
    weekdays = (days[:, None] % _WEEK == np.arange(_WEEK)).astype(float)
    months = (days - days[0]) / _MONTH
    columns = np.column_stack([np.ones(len(days)), weekdays, months, prices, demand])
    # A first day has no day before; its noise is as wide as any.
    kept = CORRELATIONS[:, None] ** np.diff(days, prepend=days[0])
    kept[:, 0] = 0
    before = np.vstack([np.zeros(columns.shape[1]), columns[:-1]])
    fresh = np.sqrt(1 - kept**2)
    white = (columns - kept[:, :, None] * before) / fresh[:, :, None]
    return np.cumsum(white[..., :, None] * white[..., None, :], axis=1), np.cumsum(np.log(fresh), axis=1)


def _integrated(sums: Array, variance: Array) -> tuple[Array, Array]:
    """Return the products of price and demand without what level, weekdays and trend explain.

    And the log of the volume that is integrated out.
    """
    priors = np.array([np.inf, *[WEEKDAY] * _WEEK, TREND])
    # The level is free; a hundred millionth of a day keeps the matrix from being singular.
    precisions = np.maximum(variance[..., None] / priors**2, 1e-8)
    known = sums[..., :_NUISANCES, :_NUISANCES] + precisions[..., None] * np.eye(_NUISANCES)
    shared = sums[..., :_NUISANCES, _NUISANCES:]
    rest = sums[..., _NUISANCES:, _NUISANCES:]
    rest = rest - np.swapaxes(shared, -1, -2) @ np.linalg.solve(known, shared)
    volume = np.log(precisions[..., 1:]).sum(-1) - np.linalg.slogdet(known)[1]
    return rest, volume / 2
