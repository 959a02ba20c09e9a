"""How an assumption is tested: its bounds in the test's scale, and what a day needs to count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, isfinite

import numpy as np

from detectors.assumptions import Assumption
from detectors.baseline import Scales
from detectors.evidence import HEAD_START
from detectors.grid import Days
from detectors.rows import Bools, Floats, Ints
from detectors.state import SIDES, State
from metrics.names import KINDS, Kind

ALARMS_PER_YEAR = 0.1
MIN_HOURS = 8
"""Hours a day needs: a working day."""
MIN_SAMPLES = 100
"""Users, sessions, requests or samples a day needs, where a value is made of them."""

_CALIBRATION = {Kind.RATE: 0.3, Kind.MEDIAN: 0.41, Kind.SUM: 0.41}
"""Threshold x alarms a year / 365, simulated on wobbling series; values without a denominator need more."""
_SMALLEST_RATE = 1e-4
"""Rates are not resolved below 0.01 %: a bound of 0 would have no size of breach and no variance."""
_PHI = 0.8
"""Autocorrelation of hours assumed before any was seen."""


@dataclass(frozen=True)
class Side:
    """One bound, in the test's scale: `sign` is +1 where lower values break it, -1 where higher ones do.

    `effect` is what breaches are shares of, `threshold` the evidence that notifies.
    """

    sign: int
    bound: float
    effect: float
    threshold: float


_NO_SIDE = Side(0, 0.0, 1.0, inf)


@dataclass(frozen=True)
class Test:
    """How one assumption is tested.

    `scale` units of the metric are 1 in the test; `sampling` is the variance of one user at the bound, for
    proportions, else 0. A day with fewer than `min_hours`, less weight than `min_samples` or fewer people
    than `min_users` says nothing. `phi` is the autocorrelation of hours assumed before any was seen.
    """

    # Not a test case of ours, whatever its name suggests to pytest.
    __test__ = False

    sides: tuple[Side, ...]
    scale: float
    sampling: float
    min_hours: int = MIN_HOURS
    min_samples: float = MIN_SAMPLES
    min_users: int = 0
    phi: float = _PHI

    @classmethod
    def of(cls, assumption: Assumption, alarms_per_year: float = ALARMS_PER_YEAR) -> "Test":
        """Return the test of an assumption; `within` is two tests, each at half the rate of alarms.

        Raises:
            ValueError: the assumption is about an elasticity, or the rate is not above 0 and at most 10.
        """
        if not assumption.is_daily:
            raise ValueError(f"{assumption.key}: an elasticity is estimated from prices, not tested by days")
        if not 0 < alarms_per_year <= 10:  # noqa: PLR2004 - more than that is no test
            raise ValueError(f"alarms per year must be above 0 and at most 10, not {alarms_per_year:g}")
        kind, bounds = KINDS[assumption.metric_name], assumption.bounds
        limits = [(sign, bound) for sign, bound in ((1, bounds.lower), (-1, bounds.upper)) if isfinite(bound)]
        scale = 100.0 if kind is Kind.RATE else (assumption.value or limits[0][1] or 1.0)
        threshold = len(limits) * _CALIBRATION[kind] * 365 / alarms_per_year
        return cls(
            sides=tuple(Side(sign, b / scale, _effect(kind, b / scale), threshold) for sign, b in limits),
            scale=scale,
            sampling=_sampling(assumption.value / scale) if kind is Kind.RATE else 0.0,
            min_samples=0 if kind is Kind.SUM else MIN_SAMPLES,
            min_users=assumption.min_users,
        )

    @cached_property
    def alone(self) -> "Tests":
        """The test as a record of one series."""
        return Tests.of([self])

    def start(self) -> State:
        """Return the state before the first day."""
        return self.alone.start()

    def again(self, state: State) -> State:
        """Return the state that looks for a breach anew, and knows the series as `state` does."""
        return replace(self.start(), baseline=state.baseline)


@dataclass(frozen=True, eq=False)
class Tests:
    """The tests of S series. `sign`, `bound`, `effect` and `threshold` are (S, 2), the rest (S,); see `Test`.

    A test of one bound has no second side: sign 0, threshold infinite.
    """

    __test__ = False

    sign: Floats
    bound: Floats
    effect: Floats
    threshold: Floats
    scales: Scales
    min_hours: Ints
    min_samples: Floats
    min_users: Ints

    @classmethod
    def of(cls, tests: Sequence[Test]) -> "Tests":
        """Return the tests side by side, in their order."""
        sides = [(*test.sides, _NO_SIDE)[:SIDES] for test in tests]

        def both(name: str) -> Floats:
            return np.array([[getattr(side, name) for side in pair] for pair in sides], dtype=np.float64)

        def each(name: str) -> Floats:
            return np.array([getattr(test, name) for test in tests], dtype=np.float64)

        return cls(
            **{name: both(name) for name in ("sign", "bound", "effect", "threshold")},
            scales=Scales(unit=each("scale"), sampling=each("sampling"), phi=each("phi")),
            min_hours=each("min_hours").astype(np.int64),
            min_samples=each("min_samples"),
            min_users=each("min_users").astype(np.int64),
        )

    def start(self) -> State:
        """Return the state of the S series before their first day."""
        return State.start(np.where(self.sides, HEAD_START, 0.0) * np.where(self.sides, self.threshold, 0.0))

    @property
    def sides(self) -> Bools:
        """Which sides (S, 2) there are."""
        there: Bools = self.sign != 0
        return there

    def takes(self, days: Days, there: Bools) -> Bools:
        """Say which days (S,) have enough data to count, of the hours (S, 25) that are `there`."""
        weight = np.where(there, days.weight, 0.0).sum(axis=-1)
        enough = (there.sum(axis=-1) >= self.min_hours) & (weight >= self.min_samples)
        # The mean of no hour is none, whatever a test asks for.
        taken: Bools = enough & (weight > 0) & (days.people >= self.min_users)
        return taken


def _effect(kind: Kind, bound: float) -> float:
    return max(bound, _SMALLEST_RATE) if kind is Kind.RATE else (bound or 1.0)


def _sampling(rate: float) -> float:
    rate = min(max(rate, _SMALLEST_RATE), 1 - _SMALLEST_RATE)
    return rate * (1 - rate)
