"""From what a contender said to false alarms and delays."""

from dataclasses import dataclass
from math import exp, lgamma, log, sqrt

import numpy as np

from benchmarks.detection.noise import Flags, Floats

HOURS = 24
FIRST_MONTH = 30
YEAR = 365


@dataclass(frozen=True)
class Said:
    """When a contender spoke: for each series the hours (from its start) at which alarms began and ended.

    An alarm of no length ends when it begins; one that lasts ends at infinity.
    """

    starts: tuple[Floats, ...]
    ends: tuple[Floats, ...]

    @classmethod
    def standing(cls, broken: Flags, step: int) -> "Said":
        """Return what a contender said whose verdicts after each step, (series, steps), are `broken`.

        `step` is how many hours a step has. An alarm begins at the end of the first step of a run.
        """
        before = np.zeros_like(broken[:, :1])
        edges = np.diff(np.concatenate([before, broken, before], axis=1).astype(np.int8), axis=1)
        last = broken.shape[1]
        starts = tuple(np.asarray((np.flatnonzero(row == 1) + 1.0) * step) for row in edges)
        ends = tuple(np.flatnonzero(row == -1) for row in edges)
        return cls(starts, tuple(np.where(end == last, np.inf, (end + 1.0) * step) for end in ends))

    @classmethod
    def moments(cls, starts: tuple[Floats, ...]) -> "Said":
        """Return what a contender said who alarms and begins anew."""
        return cls(starts, starts)


@dataclass(frozen=True)
class Rate:
    """Alarms in so many years, and how many of the sound `series` alarmed in their first 30 days."""

    alarms: int
    years: float
    early: int
    series: int

    @property
    def a_year(self) -> float:
        return self.alarms / self.years

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of a Poisson count (Garwood), a year."""
        low, high = poisson_interval(self.alarms)
        return low / self.years, high / self.years

    @property
    def early_share(self) -> float:
        return self.early / self.series


@dataclass(frozen=True)
class Delays:
    """Days from a break to the alarm, rounded up; at most `most`, which stands for later or never.

    `left_out` series stood alarmed when it broke.
    """

    days: Floats
    left_out: int
    most: float

    @property
    def median(self) -> float:
        return float(np.median(self.days)) if len(self.days) else float("nan")

    @property
    def late(self) -> float:
        """The delay that nine in ten do not exceed."""
        return float(np.percentile(self.days, 90, method="higher")) if len(self.days) else float("nan")

    @property
    def mean(self) -> float:
        return float(self.days.mean()) if len(self.days) else float("nan")

    def within(self, days: float) -> float:
        """Return the share found within so many days."""
        return float(np.mean(self.days <= days))


def false_alarms(said: Said, days: int) -> Rate:
    """Return the rate over series that were sound for so many days."""
    early = sum(bool(len(starts)) and starts[0] <= FIRST_MONTH * HOURS for starts in said.starts)
    count = len(said.starts)
    return Rate(sum(len(starts) for starts in said.starts), count * days / YEAR, early, count)


def delays(said: Said, at: float, days: int, *, step: int = HOURS) -> Delays:
    """Return how long after day `at` the alarms came, in steps of so many hours, over series of `days`."""
    most, broken_at, found = days - at, at * HOURS, []
    for starts, ends in zip(said.starts, said.ends, strict=True):
        if ((starts <= broken_at) & (ends > broken_at)).any():
            continue
        after = starts[starts > broken_at]
        found.append(-(-(after[0] - broken_at) // step) * step / HOURS if len(after) else most)
    return Delays(np.array(found, dtype=float), len(said.starts) - len(found), most)


def poisson_interval(count: int, miss: float = 0.05) -> tuple[float, float]:
    """Return the exact interval of a Poisson mean that gave `count` (Garwood 1936)."""
    low = _mean_at(count - 1, 1 - miss / 2) if count else 0.0
    return low, _mean_at(count, miss / 2)


def _mean_at(count: int, probability: float) -> float:
    """Return the mean at which a count of at most `count` has this probability."""
    low, high = 0.0, count + 20 * sqrt(count + 1)
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(count, middle) > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(count: int, mean: float) -> float:
    if not mean:
        return 1.0
    return float(sum(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(count + 1)))
