"""Sums that alarm and begin anew, for many thresholds at once: CUSUM and the oracle's e-detector.

Both are calibrated: `threshold` finds what gives a wanted rate of false alarms on tuning seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.cases import Case
from benchmarks.detection.counting import HOURS, Said
from benchmarks.detection.noise import Floats
from benchmarks.detection.series import Series, simulate
from detectors.evidence import HEAD_START, SHARES, WEIGHTS

ALLOWANCE = 0.025
"""The CUSUM's allowance: half of the smallest breach looked for, as a share of the bound."""
_GRIDS = {"cusum": np.geomspace(0.02, 3, 40), "oracle": np.geomspace(10, 1e5, 40)}
Alarms = Callable[[Series, Floats], Floats]


@dataclass(frozen=True)
class Daily:
    """Each day's mean on the wrong side of the bound, and its long-run deviation, in shares of the bound."""

    breach: Floats
    deviation: Floats


def cusum(series: Series, thresholds: Floats) -> Floats:
    """Return (thresholds, series, days): on which days the sum of breaches beyond the allowance alarms."""
    breach = series.breaches()
    total = np.zeros((len(thresholds), len(breach)))
    alarms = np.zeros((*total.shape, breach.shape[1]), dtype=bool)
    for day in range(breach.shape[1]):
        total = np.maximum(0.0, total + np.nan_to_num(breach[:, day] - ALLOWANCE))
        alarms[:, :, day] = total >= thresholds[:, None]
        total[alarms[:, :, day]] = 0.0
    return alarms


def oracle(series: Series, thresholds: Floats) -> Floats:
    """Return the same of the e-detector of ours, told all but the level: pattern, variances, outliers."""
    known = told(series)
    start = HEAD_START * thresholds[:, None, None]
    sums = np.broadcast_to(start, (len(thresholds), len(known.breach), len(SHARES))).copy()
    alarms = np.zeros((*sums.shape[:2], known.breach.shape[1]), dtype=bool)
    for day in range(known.breach.shape[1]):
        deviation = known.deviation[:, day, None]
        size = np.array(SHARES) / deviation
        ratio = size * known.breach[:, day, None] / deviation - size**2 / 2
        missing = np.isnan(ratio)
        sums = np.where(missing, sums, (1 + sums) * np.exp(np.clip(np.nan_to_num(ratio), -50, 50)))
        alarms[:, :, day] = sums @ np.array(WEIGHTS) >= thresholds[:, None]
        sums[alarms[:, :, day]] = 0.0
    return alarms


def told(series: Series) -> Daily:
    """Return what the oracle sees of each day: hours weighted as ours would, had it learned all."""
    truth = series.truth
    assert truth is not None
    there = ~np.isnan(truth.level)
    persistent = truth.neighbours[:, None, None]
    weights = np.where(there, 1 / (3 * persistent + truth.scatter), 0.0)
    total = weights.sum(axis=2)
    total[total == 0] = np.nan
    mean = (weights * np.nan_to_num(truth.level)).sum(axis=2) / total
    wobble = truth.total[:, None, None] + truth.scatter
    deviation = np.sqrt((weights**2 * wobble).sum(axis=2)) / total
    return Daily(series.sign * (1 - mean), deviation)


KINDS: dict[str, Alarms] = {"cusum": cusum, "oracle": oracle}


def said(kind: str, series: Series, threshold: float) -> Said:
    """Return what the contender says who alarms at `threshold` and begins anew."""
    alarms = KINDS[kind](series, np.array([threshold]))[0]
    return Said.moments(tuple(np.asarray((np.flatnonzero(row) + 1.0) * HOURS) for row in alarms))


def threshold(kind: str, case: Case, rate: float, count: int) -> float:
    """Return the threshold that gives `rate` false alarms a year, on `count` tuning series of `case`."""
    grid = _GRIDS[kind]
    alarms = KINDS[kind](simulate(case, count, tuning=True), grid)
    years = count * case.days / 365
    # Half an alarm more: the logarithm of none is none.
    rates = (alarms.sum(axis=(1, 2)) + 0.5) / years
    rates = np.minimum.accumulate(rates)
    return float(np.exp(np.interp(-np.log(max(rate, rates[-1])), -np.log(rates), np.log(grid))))
