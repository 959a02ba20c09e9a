"""What series are like: bound, traffic, wobble, cycles; drawn once for each series."""

from dataclasses import dataclass

import numpy as np

from benchmarks.detection.cases import Case
from benchmarks.detection.noise import Floats
from metrics.names import Metric

HOURS = 24


@dataclass(frozen=True)
class Usual:
    """What is usual for a metric in generator B: `bound` in its unit, the rest as shares of it."""

    bound: float
    wobble: float
    cycle: float
    weekend: float
    users: float


USUAL = {
    Metric.USER_ADOPTION: Usual(60, 0.04 / 0.6, 0.05 / 0.6, -0.018 / 0.6, 200),
    Metric.RETENTION: Usual(40, 0.05, 0.05, -0.02, 500),
    Metric.ERROR_RATE: Usual(2, 0.07, 0.1, -0.03, 5000),
    Metric.CRASH_RATE: Usual(0.5, 0.07, 0.05, -0.02, 2000),
    Metric.LATENCY_P50: Usual(800, 0.06, 0.08, -0.03, 1000),
    Metric.FEATURE_USAGE: Usual(300, 0.25, 0.4, -0.3, 300),
}


@dataclass(frozen=True)
class World:
    """Parameters of each series, which is the first axis of every array.

    `bound` is in the metric's unit, `users` an hour; `wobble`, `daily` (24) and `weekly` (7) are shares of
    the bound, `outliers` and `missing` of the hours.
    """

    bound: Floats
    wobble: Floats
    users: Floats
    daily: Floats
    weekly: Floats
    outliers: Floats
    missing: Floats


def worse(metric: Metric) -> int:
    """Return +1 where a team wants at least so much of `metric`, -1 where at most."""
    return -1 if metric in {Metric.ERROR_RATE, Metric.CRASH_RATE, Metric.LATENCY_P50} else 1


def world_of(random: np.random.Generator, case: Case, count: int) -> World:
    """Return the parameters of `count` series."""
    return _mixed(random, count) if case.mixed else _alike(random, case, count)


def _alike(random: np.random.Generator, case: Case, count: int) -> World:
    usual = USUAL[case.metric]
    cycle = usual.cycle if case.cycle is None else case.cycle
    weekend = usual.weekend if case.weekend is None else case.weekend
    phase = random.uniform(0, HOURS, (count, 1))
    every = np.ones(count)
    return World(
        bound=usual.bound * every,
        wobble=usual.wobble * every,
        users=(usual.users if case.users is None else case.users) * every,
        daily=cycle * np.sin(2 * np.pi * (np.arange(HOURS) - phase) / HOURS),
        weekly=np.tile([-weekend * 2 / 5] * 5 + [weekend] * 2, (count, 1)),
        outliers=(1 / 2000 if case.outliers is None else case.outliers) * every,
        missing=(0.01 if case.missing is None else case.missing) * every,
    )


def _mixed(random: np.random.Generator, count: int) -> World:
    rate = random.choice([0.2, 0.6, 0.9], count)
    unit = (np.sqrt(rate * (1 - rate)) / rate)[:, None]
    harmonics = [
        random.uniform(0, 0.1, (count, 1))
        * np.sin(2 * np.pi * (k * np.arange(HOURS) - random.uniform(0, HOURS, (count, 1))) / HOURS)
        for k in (1, 2)
    ]
    weekly = random.normal(0, 0.03, (count, 7))
    return World(
        bound=100 * rate,
        wobble=random.uniform(0.03, 0.1, count) * unit[:, 0],
        users=random.choice([40.0, 200.0, 1000.0], count),
        daily=sum(harmonics, np.zeros((count, HOURS))) * unit,
        weekly=(weekly - weekly.mean(axis=1, keepdims=True)) * unit,
        outliers=1 / random.uniform(500, 5000, count),
        missing=random.uniform(0, 0.2, count),
    )
