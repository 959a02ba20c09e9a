"""The evidence that a bound is broken, and, once it is, the evidence that it is kept again.

Against: an e-detector, the Shiryaev-Roberts sum of a mixture over three sizes of breach (Shin, Ramdas &
Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", NEJSDS 2024). With known
variance its mean time to a false alarm is at least the threshold; with the learned one that is simulated, not
proven. For recovery: a CUSUM of the likelihood ratio of "on the bound" against "broken by 5 %".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

SHARES = (0.05, 0.10, 0.20)
"""Sizes of breach looked for, as shares of the bound. Shares, not standard deviations: at the same rate of
false alarms they find breaches that matter earlier."""
WEIGHTS = (0.4, 0.3, 0.3)
HEAD_START = 0.025
"""Part of the threshold given at launch, when a breach is most likely: it is found earlier,
at the price of some more alarms in the first month."""
RECOVERED = 365.0
"""Evidence for recovery that resolves: less, and a lasting breach of 5 % would flap."""
_MOST = 50.0


def evidence(sums: Sequence[float]) -> float:
    """Return the e-value of the mixture's `sums`, one a size of breach."""
    return sum(weight * value for weight, value in zip(WEIGHTS, sums, strict=True))


@dataclass(frozen=True)
class Day:
    """A day's mean as the test sees it: how far on the wrong side of the bound, and its long-run deviation.

    Both in the test's scale; `effect` is the bound that breaches are shares of.
    """

    breach: float
    deviation: float
    effect: float

    def against(self, sums: Sequence[float]) -> tuple[float, ...]:
        """Return the mixture's sums with this day."""
        factors = (exp(self._log_ratio(share)) for share in SHARES)
        return tuple((1 + before) * factor for before, factor in zip(sums, factors, strict=True))

    def recovery(self, before: float) -> float:
        """Return the evidence for recovery with this day."""
        return max(before, 1.0) * exp(-self._log_ratio(SHARES[0]))

    def _log_ratio(self, share: float) -> float:
        size = share * self.effect / self.deviation
        ratio = size * self.breach / self.deviation - size * size / 2
        return min(max(ratio, -_MOST), _MOST)
