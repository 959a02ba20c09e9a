"""The evidence that a bound is broken, and, once it is, the evidence that it is kept again.

Against: an e-detector, the Shiryaev-Roberts sum of a mixture over three sizes of breach (Shin, Ramdas &
Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", NEJSDS 2024). With known
variance its mean time to a false alarm is at least the threshold; with the learned one that is simulated, not
proven. For recovery: a CUSUM of the likelihood ratio of "on the bound" against "broken by 5 %".

A day is its `breach` (S, sides), how far it is on the wrong side of a bound, and `size` (S, sides), what
breaches are shares of, both in long-run deviations of a day's mean.
"""

import numpy as np

from detectors.rows import Floats

SHARES = (0.05, 0.10, 0.20)
"""Sizes of breach looked for, as shares of the bound. Shares, not standard deviations: at the same rate of
false alarms they find breaches that matter earlier."""
WEIGHTS = (0.4, 0.3, 0.3)
HEAD_START = 0.04
"""Part of the threshold given at launch, when a breach is most likely: one of 5 % is found in 9 days, not 13,
at the price of an alarm in the first month of one sound series in a hundred (of ten that wander for days)."""
RECOVERED = 365.0
"""Evidence for recovery that resolves: less, and a lasting breach of 5 % would flap."""
_MOST = 50.0


def evidence(sums: Floats) -> Floats:
    """Return the e-value (...) of the mixture's `sums` (..., 3), one a size of breach."""
    mixed: Floats = (np.array(WEIGHTS) * sums).sum(axis=-1)
    return mixed


def against(sums: Floats, breach: Floats, size: Floats) -> Floats:
    """Return the mixture's sums (S, sides, 3) with a day."""
    return (1 + sums) * np.exp(_log_ratio(breach[..., None], np.array(SHARES) * size[..., None]))


def recovery(before: Floats, breach: Floats, size: Floats) -> Floats:
    """Return the evidence for recovery with a day: any shape, the same for all."""
    return np.maximum(before, 1.0) * np.exp(-_log_ratio(breach, SHARES[0] * size))


def _log_ratio(breach: Floats, size: Floats) -> Floats:
    return np.minimum(np.maximum(size * breach - size * size / 2, -_MOST), _MOST)
