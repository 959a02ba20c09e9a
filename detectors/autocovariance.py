"""The long-run variance of a day's mean, learned from the hours of few days.

Day-to-day scatter alone needs months, in which the test would raise twice the false alarms; the
autocovariances of hourly residuals (lags 0 to 8, the tail continued as AR(1)) are usable on the first day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

LAGS = 8
MEMORY = 120
"""Days after which moments are forgotten at the rate at which new ones arrive."""
KEEP = 1 - 1 / MEMORY
ENOUGH = 24
"""Hours from which the scale of an hour is known well enough to clip by it."""
_PHI, _PRIOR_DAYS = 0.8, 3.0
_PRIOR_INFLATION = (1 + _PHI) / (1 - _PHI)
_HOURS = 24
_ZEROS = (0.0,) * (LAGS + 1)


@dataclass(frozen=True)
class Hourly:
    """Sums of products of hourly residuals `lag` hours apart, and how many (index = lag, 0..8).

    `tail` holds the last hours of the day before, as pairs of hour number and residual, so that pairs reach
    over midnight.
    """

    products: tuple[float, ...] = _ZEROS
    pairs: tuple[float, ...] = _ZEROS
    tail: tuple[tuple[int, float], ...] = ()

    @property
    def hours(self) -> float:
        """How many hours the moments rest on."""
        return self.pairs[0]

    @property
    def variance(self) -> float:
        """The variance of an hour about its expected value; 0 while nothing is known."""
        return self.products[0] / self.pairs[0] if self.pairs[0] else 0.0

    @property
    def persistent(self) -> float:
        """The covariance of neighbouring hours: the part that more users an hour do not average out."""
        return max(0.0, self.products[1] / self.pairs[1]) if self.pairs[1] else 0.0

    def fold(self, residuals: Mapping[int, float], days: int) -> "Hourly":
        """Return the moments with a day's residuals, by hour number in order of time."""
        keep = KEEP if days >= MEMORY else 1.0
        products = [keep * old for old in self.products]
        pairs = [keep * old for old in self.pairs]
        known = dict(self.tail) | dict(residuals)
        for hour, residual in residuals.items():
            for lag in range(LAGS + 1):
                other = known.get(hour - lag)
                if other is not None:
                    products[lag] += residual * other
                    pairs[lag] += 1.0
        return Hourly(tuple(products), tuple(pairs), tuple(residuals.items())[-LAGS:])

    def day_variance(self, before: float | None) -> float:
        """Return the long-run variance of the mean of 24 hours; `before` is the last estimate, if any."""
        variance = self.variance
        if before is None:
            before = _PRIOR_INFLATION * variance / _HOURS
        # Residuals are taken about the day's own mean, which takes the mean's variance out of every product.
        days = self.hours / _HOURS
        taken = min(0.5 * before / (days + 1), variance)
        covariances = [self._covariance(lag) + taken for lag in range(LAGS + 1)]
        beyond = _tail_ratio(covariances, variance, days) * max(covariances[LAGS], 0.0)
        learned = max(covariances[0] + 2 * sum(covariances[1:]) + 2 * beyond, variance / 2)
        prior = _PRIOR_DAYS * _PRIOR_INFLATION * covariances[0]
        return (days * learned + prior) / (days + _PRIOR_DAYS) / _HOURS

    def _covariance(self, lag: int) -> float:
        return self.products[lag] / self.pairs[lag] if self.pairs[lag] else self.variance * _PHI**lag


def _tail_ratio(covariances: list[float], variance: float, days: float) -> float:
    """Return phi / (1 - phi) of the AR(1) that continues the covariances beyond the last lag."""
    prior = 0.04 * _PRIOR_DAYS * variance**2
    up = sum(a * b for a, b in pairwise(covariances[1:]))
    squares = sum(a * a for a in covariances[1:LAGS])
    if days * squares + prior == 0:
        return 0.0
    phi = (days * up + _PHI * prior) / (days * squares + prior)
    phi = min(max(phi, 0.0), 0.97)
    return phi / (1 - phi)
