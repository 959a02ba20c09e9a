"""The daily test: does production break an assumption, said once, at a known price in false alarms?

`fold` takes one complete local day into the state and says what is known then. It is pure: no clock, no I/O,
work and state that do not grow. A series that merely wobbles round its bound alarms some 0.1 times a year;
see docs/detection.md for the design, its figures, and what defeats it (ramps at launch, weeks-long swings,
holidays).
"""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from math import isfinite
from typing import Any

from pydantic import TypeAdapter

from detectors.assumptions import Assumption
from detectors.baseline import Baseline, Estimate
from detectors.daymean import Sample
from detectors.days import DayBatch, Hour
from detectors.evidence import HEAD_START, RECOVERED, SHARES, Day, evidence
from detectors.tiers import head_count
from metrics.names import KINDS, Kind

ALARMS_PER_YEAR = 0.1
LEARNING_DAYS = 7
"""Days before a series that shows nothing is called OK; a clear breach is said earlier."""
MIN_HOURS = 8
"""Hours a day needs: a working day."""
MIN_SAMPLES = 100
"""Users, sessions, requests or samples a day needs, where a value is made of them."""

_CALIBRATION = {Kind.RATE: 0.3, Kind.MEDIAN: 0.41, Kind.SUM: 0.41}
"""Threshold x alarms a year / 365, simulated on wobbling series; values without a denominator need more."""
_WATCH = 0.1
_SMALLEST_RATE = 1e-4
"""Rates are not resolved below 0.01 %: a bound of 0 would have no size of breach and no variance."""


class Status(StrEnum):
    """What is known of an assumption after a day."""

    LEARNING = "LEARNING"
    OK = "OK"
    WATCH = "WATCH"
    DIVERGED = "DIVERGED"
    RESOLVED = "RESOLVED"
    NO_DATA = "NO_DATA"
    NOT_IDENTIFIABLE = "NOT_IDENTIFIABLE"


@dataclass(frozen=True)
class Side:
    """One bound, in the test's scale: `sign` is +1 where lower values break it, -1 where higher ones do.

    `effect` is what breaches are shares of, `threshold` the evidence that notifies.
    """

    sign: int
    bound: float
    effect: float
    threshold: float


@dataclass(frozen=True)
class Test:
    """How one assumption is tested.

    `scale` units of the metric are 1 in the test; `sampling` is the variance of one user at the bound, for
    proportions, else 0. A day with fewer than `min_hours`, less weight than `min_samples` or fewer people
    than `min_users` says nothing.
    """

    # Not a test case of ours, whatever its name suggests to pytest.
    __test__ = False

    sides: tuple[Side, ...]
    scale: float
    sampling: float
    min_hours: int = MIN_HOURS
    min_samples: float = MIN_SAMPLES
    min_users: int = 0

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

    def start(self) -> "State":
        """Return the state before the first day."""
        return State(sums=tuple((HEAD_START * side.threshold,) * len(SHARES) for side in self.sides))

    def again(self, state: "State") -> "State":
        """Return the state that looks for a breach anew, and knows the series as `state` does."""
        return replace(self.start(), baseline=state.baseline)

    def takes(self, batch: DayBatch, hours: list[Hour]) -> bool:
        """Say whether the day has enough data to count."""
        return (
            len(hours) >= self.min_hours
            and sum(hour.weight for hour in hours) >= self.min_samples
            and head_count(batch.users, batch.samples) >= self.min_users
        )


@dataclass(frozen=True)
class State:
    """Everything that the test knows, under two kilobytes as JSON. `Test.start()` makes the first one.

    `sums` holds the evidence against each side, `broken` the index of the side that is (None: neither),
    `recovery` the evidence that it is kept again.
    """

    sums: tuple[tuple[float, ...], ...]
    broken: int | None = None
    recovery: float = 0.0
    baseline: Baseline = field(default_factory=Baseline)

    def to_json(self) -> dict[str, Any]:
        """Return the state as a JSON object; floats keep every bit."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "State":
        """Return the state that `to_json` gave.

        Raises:
            pydantic.ValidationError: it is another version's, or no state at all; fold again from the start.
        """
        return _STATE.validate_python(data)


_STATE = TypeAdapter(State)


@dataclass(frozen=True)
class Verdict:
    """What a day said.

    `notify` and `resolve` are True on the one day on which to tell people. `e_value` against `threshold` is
    the evidence that the bound is broken or, while DIVERGED and on the day of RESOLVED, that it is kept
    again. `bound` is the limit spoken of, `mean` the day's mean less what is usual for its weekday,
    `deviation` its long-run standard deviation, all in the metric's unit; the latter two are None on a day
    without data.
    """

    status: Status
    notify: bool
    resolve: bool
    e_value: float
    threshold: float
    bound: float
    mean: float | None = None
    deviation: float | None = None


def fold(test: Test, state: State, batch: DayBatch) -> tuple[State, Verdict]:
    """Take one complete day into the state. Days without enough data leave it as it is.

    Raises:
        ValueError: the day is not after the last one folded (after a correction, fold again from the start).
    """
    if batch.day.isoformat() <= state.baseline.last_day:
        raise ValueError(f"{batch.day} is not after {state.baseline.last_day}, the last day folded")
    hours = batch.measured()
    if not test.takes(batch, hours):
        return state, _verdict(test, state, Status.NO_DATA)
    samples = [_sample(test, batch, hour) for hour in hours]
    baseline, estimate = state.baseline.fold(batch.day, samples, test.sampling)
    state = replace(state, baseline=baseline)
    state, verdict = (_seek if state.broken is None else _recover)(test, state, estimate)
    return state, replace(verdict, mean=estimate.mean * test.scale, deviation=estimate.deviation * test.scale)


def _seek(test: Test, state: State, estimate: Estimate) -> tuple[State, Verdict]:
    sums = tuple(_day(side, estimate).against(old) for side, old in zip(test.sides, state.sums, strict=True))
    state = replace(state, sums=sums)
    worst = _worst(test, state)
    share = evidence(sums[worst]) / test.sides[worst].threshold
    if share >= 1:
        verdict = replace(_verdict(test, state, Status.DIVERGED), notify=True)
        # About the level of before, days under breach would count as wobble, and hide the breach's end.
        baseline = state.baseline.restart_level()
        return State(sums=_none(test), broken=worst, baseline=baseline), verdict
    quiet = Status.LEARNING if state.baseline.days < LEARNING_DAYS else Status.OK
    return state, _verdict(test, state, Status.WATCH if share >= _WATCH else quiet)


def _recover(test: Test, state: State, estimate: Estimate) -> tuple[State, Verdict]:
    side = test.sides[state.broken or 0]
    state = replace(state, recovery=_day(side, estimate).recovery(state.recovery))
    if state.recovery < RECOVERED:
        return state, _verdict(test, state, Status.DIVERGED)
    verdict = replace(_verdict(test, state, Status.RESOLVED), resolve=True)
    return replace(state, broken=None, recovery=0.0), verdict


def _verdict(test: Test, state: State, status: Status) -> Verdict:
    spoken = _worst(test, state) if state.broken is None else state.broken
    side = test.sides[spoken]
    seeking = state.broken is None
    return Verdict(
        status=status,
        notify=False,
        resolve=False,
        e_value=evidence(state.sums[spoken]) if seeking else state.recovery,
        threshold=side.threshold if seeking else RECOVERED,
        bound=side.bound * test.scale,
    )


def _worst(test: Test, state: State) -> int:
    return max(range(len(test.sides)), key=lambda index: evidence(state.sums[index]))


def _none(test: Test) -> tuple[tuple[float, ...], ...]:
    return tuple((0.0,) * len(SHARES) for _ in test.sides)


def _day(side: Side, estimate: Estimate) -> Day:
    return Day(side.sign * (side.bound - estimate.mean), estimate.deviation, side.effect)


def _sample(test: Test, batch: DayBatch, hour: Hour) -> Sample:
    number = int(hour.start.timestamp()) // 3600
    return Sample(number, batch.slot(hour), hour.value / test.scale, hour.weight)


def _effect(kind: Kind, bound: float) -> float:
    return max(bound, _SMALLEST_RATE) if kind is Kind.RATE else (bound or 1.0)


def _sampling(rate: float) -> float:
    rate = min(max(rate, _SMALLEST_RATE), 1 - _SMALLEST_RATE)
    return rate * (1 - rate)
