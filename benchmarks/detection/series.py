"""Simulated telemetry of many series at once, and what an oracle may know of it."""

from dataclasses import dataclass

import numpy as np

from benchmarks.detection.cases import Case
from benchmarks.detection.course import course_of
from benchmarks.detection.draws import DRAWS, gone, outlying
from benchmarks.detection.noise import Flags, Floats, neighbours, total
from benchmarks.detection.world import HOURS, World, world_of, worse
from metrics.names import KINDS, Kind, Metric


@dataclass(frozen=True)
class Truth:
    """What the known-variance oracle is told, by (series, days, 24) and (series).

    `level` is each hour's value as a share of the bound, less the cycles (NaN: missing, or an outlier),
    `scatter` its variance of sampling; `total` and `neighbours` are the sum and the first of the wobble's
    autocovariances.
    """

    level: Floats
    scatter: Floats
    total: Floats
    neighbours: Floats


@dataclass(frozen=True)
class Series:
    """Hourly telemetry from a Monday on: `values` in the metric's unit (NaN: missing) and `weights`.

    Both are (series, days, 24), `bounds` is (series), `holidays` (series, days); `truth` is None where nobody
    knows it.
    """

    metric: Metric
    bounds: Floats
    values: Floats
    weights: Floats
    holidays: Flags
    truth: Truth | None

    @property
    def sign(self) -> int:
        """+1 where lower values break the bound, -1 where higher ones do."""
        return worse(self.metric)

    def daily(self) -> Floats:
        """Return the value of each day, pooled: (series, days), NaN where there is none."""
        weights = self.weights if KINDS[self.metric] is Kind.RATE else np.ones_like(self.weights)
        weights = np.where(np.isnan(self.values), 0.0, weights)
        weight, summed = weights.sum(axis=2), (weights * np.nan_to_num(self.values)).sum(axis=2)
        return np.asarray(np.divide(summed, weight, out=np.full(weight.shape, np.nan), where=weight > 0))

    def breaches(self) -> Floats:
        """Return how far each day is on the wrong side of the bound, as a share of it: (series, days)."""
        return np.asarray(self.sign * (1 - self.daily() / self.bounds[:, None]))


def simulate(case: Case, count: int, *, tuning: bool = False) -> Series:
    """Return `count` series of `case`."""
    random = np.random.default_rng(case.seed(tuning=tuning))
    kind = KINDS[case.metric]
    world = world_of(random, case, count)
    course = course_of(random, case, world)
    drawn = DRAWS[kind](random, case, world, course)
    broken = random.random(drawn.values.shape) < world.outliers[:, None]
    missing = gone(random, case, world, broken.shape)
    values = np.where(broken, outlying(random, kind, world, drawn.values), drawn.values)
    shape = (count, case.days, HOURS)
    level = np.where(broken | missing, np.nan, drawn.level).reshape(shape)
    return Series(
        metric=case.metric,
        bounds=world.bound,
        values=np.where(missing, np.nan, values).reshape(shape),
        weights=np.where(missing, 0.0, drawn.weights).reshape(shape),
        holidays=course.holidays,
        truth=_truth(case, world, level, drawn.scatter.reshape(shape)),
    )


def _truth(case: Case, world: World, level: Floats, scatter: Floats) -> Truth | None:
    known = total(case.noise, case.phi)
    if known is None:
        return None
    variance = world.wobble**2
    return Truth(level, scatter, variance * known, variance * neighbours(case.noise, case.phi))
