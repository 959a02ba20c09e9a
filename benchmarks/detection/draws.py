"""What is measured of an hour, by the kind of its metric."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.cases import Case
from benchmarks.detection.course import Course
from benchmarks.detection.noise import Flags, Floats
from benchmarks.detection.world import HOURS, World
from metrics.names import Kind

_MEDIAN_SCATTER = 1.2533 * 0.7
"""Deviation of the median of values of log-deviation .7, times the root of how many they are."""
_DISPERSION = 20.0
"""Counts of mean m have the variance m + m^2 / 20 about what the wobble makes of m (negative binomial)."""
_NIGHT = 10


@dataclass(frozen=True)
class Drawn:
    """`values` in the metric's unit and their `weights`, (series, hours).

    `level` is a value as a share of the bound, less its cycles; `scatter` is its variance of sampling.
    """

    values: Floats
    weights: Floats
    level: Floats
    scatter: Floats


def rates(random: np.random.Generator, case: Case, world: World, course: Course) -> Drawn:
    """Binomial counts of users, as percentages; users who come in groups decide alike."""
    rate = (world.bound / 100)[:, None]
    expected = np.clip(rate * (course.path + course.pattern + course.wobble), 0.0, 1.0)
    users = np.maximum(random.poisson(course.traffic), 1)
    groups = np.maximum(np.rint(users / case.overdispersion), 1).astype(np.int64)
    share = random.binomial(groups, expected) / groups
    return Drawn(100 * share, users.astype(float), share / rate - course.pattern, (1 - rate) / rate / groups)


def medians(random: np.random.Generator, _case: Case, world: World, course: Course) -> Drawn:
    """Medians of log-normal samples."""
    samples = np.maximum(random.poisson(course.traffic), 1).astype(float)
    scatter = _MEDIAN_SCATTER / np.sqrt(samples)
    spread = world.wobble[:, None]
    noise = course.wobble - spread**2 / 2 + scatter * random.normal(size=samples.shape)
    seen = (course.path + course.pattern) * np.exp(noise)
    return Drawn(world.bound[:, None] * seen, samples, seen - course.pattern, scatter**2)


def counts(random: np.random.Generator, _case: Case, world: World, course: Course) -> Drawn:
    """Negative binomial counts; cycles multiply."""
    bound, spread, usual = world.bound[:, None], world.wobble[:, None], 1 + course.pattern
    mean = bound * usual * course.path * np.exp(course.wobble - spread**2 / 2)
    drawn = random.poisson(mean * random.gamma(_DISPERSION, 1 / _DISPERSION, mean.shape)).astype(float)
    scatter = 1 / (bound * usual) + 1 / _DISPERSION
    return Drawn(drawn, np.maximum(drawn, 1.0), drawn / bound / usual, scatter)


DRAWS: dict[Kind, Callable[[np.random.Generator, Case, World, Course], Drawn]] = {
    Kind.RATE: rates,
    Kind.MEDIAN: medians,
    Kind.SUM: counts,
}


def outlying(random: np.random.Generator, kind: Kind, world: World, values: Floats) -> Floats:
    """Return what broken hours would say: any rate up to 5/3 of the bound, or far too much or little."""
    if kind is Kind.RATE:
        return np.asarray(np.minimum(100.0, world.bound / 0.6)[:, None] * random.random(values.shape))
    return np.asarray(values * np.exp(random.normal(size=values.shape)))


def gone(random: np.random.Generator, case: Case, world: World, shape: tuple[int, int]) -> Flags:
    """Return which hours are missing, (series, hours)."""
    missing = random.random(shape) < world.missing[:, None]
    if case.gaps:
        lost, cut = (np.repeat(random.random((shape[0], case.days)) < 1 / 20, HOURS, axis=1) for _ in "ab")
        missing |= lost | (cut & (np.arange(shape[1]) % HOURS < _NIGHT))
    return np.asarray(missing)
