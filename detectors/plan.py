"""How an assumption is tested: its bounds in the test's scale, and what a day needs to count."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import inf, isfinite

import numpy as np

from detectors.assumptions import Assumption
from detectors.baseline import Scales
from detectors.evidence import HEAD_START
from detectors.grid import Days
from detectors.lanes import Sides
from detectors.rows import Bools, Floats, Ints
from detectors.state import SIDES, State
from metrics.names import Kind

ALARMS_PER_YEAR = 0.1
MIN_HOURS = 8
"""Hours a day needs: a working day."""
MIN_SAMPLES = 100
"""Users, sessions, requests or samples a day needs, where a value is made of them."""

_CALIBRATION = {Kind.RATE: 0.36, Kind.MEDIAN: 0.41, Kind.SUM: 0.41}
"""Threshold x alarms a year / 365, simulated on wobbling series; values without a denominator need more."""
_SMALLEST_RATE = 1e-4
"""Rates are not resolved below 0.01 %: a bound of 0 would have no size of breach and no variance."""
_PHI, _SLOW_PHI = 0.8, 0.9
"""Autocorrelation of hours assumed before any was seen, and that of metrics declared slow."""
_FULL_DAY = 24
METHOD = 6
"""Raised whenever the same telemetry may give another verdict, so that reports tell which code made them."""


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
    than `min_users` says nothing. `phi` is the autocorrelation of hours assumed before any was seen,
    `head_start` the part of the threshold given as evidence at launch. A threshold is `price` / the alarms a
    year that are accepted.
    """

    # Not a test case of ours, whatever its name suggests to pytest.
    __test__ = False

    sides: tuple[Side, ...]
    scale: float
    sampling: float
    price: float
    min_hours: int = MIN_HOURS
    min_samples: float = MIN_SAMPLES
    min_users: int = 0
    phi: float = _PHI
    head_start: float = HEAD_START

    @classmethod
    def of(cls, assumption: Assumption, alarms_per_year: float = ALARMS_PER_YEAR) -> "Test":
        """Return the test of an assumption; `within` is two tests, each at half the rate of alarms.

        A slow metric has no head start and is taken to wander until it shows how much: at launch, what
        wanders for days cannot be told from a breach.

        Raises:
            ValueError: the assumption is about an elasticity, or the rate is not above 0 and at most 10.
        """
        if not assumption.is_daily:
            raise ValueError(f"{assumption.key}: an elasticity is estimated from prices, not tested by days")
        kind, bounds = assumption.kind, assumption.bounds
        limits = [(sign, bound) for sign, bound in ((1, bounds.lower), (-1, bounds.upper)) if isfinite(bound)]
        scale = 100.0 if kind is Kind.RATE else (assumption.value or limits[0][1] or 1.0)
        slow, samples = assumption.slow, assumption.min_samples
        test = cls(
            sides=tuple(Side(sign, b / scale, _effect(kind, b / scale), inf) for sign, b in limits),
            scale=scale,
            sampling=_sampling(assumption.value / scale) if kind is Kind.RATE else 0.0,
            price=len(limits) * _CALIBRATION[kind] * 365,
            min_samples=samples if samples is not None else 0 if kind is Kind.SUM else MIN_SAMPLES,
            min_users=assumption.min_users,
            phi=_SLOW_PHI if slow else _PHI,
            head_start=0.0 if slow else HEAD_START,
        )
        return test.with_rate(alarms_per_year)

    def with_rate(self, alarms_per_year: float) -> "Test":
        """Return the test at another rate of false alarms: the same states are folded on with it.

        Raises:
            ValueError: the rate is not above 0 and at most 10.
        """
        if not 0 < alarms_per_year <= 10:  # noqa: PLR2004 - more than that is no test
            raise ValueError(f"alarms per year must be above 0 and at most 10, not {alarms_per_year:g}")
        threshold = self.price / alarms_per_year
        return replace(self, sides=tuple(replace(side, threshold=threshold) for side in self.sides))

    @cached_property
    def configuration(self) -> str:
        """The hash of what decides a verdict beside telemetry and the threshold, which a verdict names."""
        plain = {**asdict(self), "sides": [(side.sign, side.bound, side.effect) for side in self.sides]}
        return hashlib.sha256(repr((METHOD, sorted(plain.items()))).encode()).hexdigest()

    @cached_property
    def alone(self) -> "Tests":
        """The test as a record of one series."""
        return Tests.of([self])

    def start(self) -> State:
        """Return the state before the first day."""
        return self.alone.start()

    def again(self, state: State) -> State:
        """Return the state that looks for a breach anew, and knows the series as `state` does."""
        return replace(self.start(), baseline=state.baseline, lanes=state.lanes, recent=state.recent)


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
    head_start: Floats

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
            head_start=each("head_start"),
        )

    def start(self) -> State:
        """Return the state of the S series before their first day."""
        return State.start(self.head_start[:, None] * np.where(self.sides, self.threshold, 0.0))

    @cached_property
    def fast(self) -> Sides:
        """The bounds as the fast lane takes them."""
        return Sides(self.sign, np.where(self.sides, self.bound, np.nan), self.effect)

    @property
    def sides(self) -> Bools:
        """Which sides (S, 2) there are."""
        there: Bools = self.sign != 0
        return there

    def excludes(self, days: Days) -> Bools:
        """Say of days (S,) without enough data whether they would have it but for the hours taken out.

        A day of which too few hours were left is one of them, whatever was measured.
        """
        left = _FULL_DAY - days.excluded.sum(axis=-1)
        excluded: Bools = (left < self.min_hours) | self.takes(days, days.measured)
        return excluded & days.excluded.any(axis=-1)

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
