"""Does demand answer to price as assumed? A sequential test across prices (PRICING_ELASTICITY_MISS).

An assumption names it by the unit `elasticity`; `value` is the elasticity of `metric_name` (user_adoption,
feature_usage or retention), usually negative: by how many percent demand changes when the price rises by
one. Each complete local day gives a price and a demand, and `Path` says after each what is known then. It is
pure, and made anew from all days: there are few.

The evidence is an e-process, a mixture over three sizes of breach against the bound itself: where the model
of `detectors.price_response` holds, the chance that it ever reaches a threshold falsely is one in the
threshold, however often one looks. So it needs less of it than the daily test, whose sum starts anew each
day: `CALIBRATION` x 365 / alarms a year, simulated. A breach ends when its evidence is gone and the estimate
is inside the bounds. To be told again it needs all of the evidence again, so it does not flap.

Without prices that differ by 1 % there is nothing to learn, which does not mean that the assumption holds.
With one change of price, whatever else changed on that day looks the same (docs/elasticity.md).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from math import exp, inf, isfinite, log

from detectors.assumptions import Assumption
from detectors.bounds import Bounds
from detectors.price_response import CONSTANTS, Response
from detectors.verdicts import Status

SMALLEST_CHANGE = 0.01
"""Relative difference of the extreme prices below which nothing can be learned."""
LEAST_DAYS = 7
"""Days of demand that each of two prices needs before anything is said: the first days after a change are
seldom like those that follow."""
CONFIDENCE = 0.95
"""Of the interval."""
CALIBRATION = 0.01
LEAST_THRESHOLD = 20.0
"""However many alarms are accepted: one in twenty assumptions is told falsely at most."""
SIZES = (0.2, 0.4, 0.8)
"""Sizes of breach looked for, as shares of the bound, or of `SMALLEST_BOUND` where that is nearer to 0."""
WEIGHTS = (0.4, 0.3, 0.3)
SMALLEST_BOUND = 0.5
NO_PRICE = "no version of the artifact that is in force names a price"
NO_CHANGE = "the price has not changed by 1 % or more while demand was measured"
TOO_EARLY = f"two prices that differ by 1 % have not been in force for {LEAST_DAYS} days of demand each"
_WATCH = 0.1
_GONE = 1.0
_MOST = 50.0


@dataclass(frozen=True, order=True, slots=True)
class PricedDay:
    """A complete local day: the price in force all day (above 0), the demand (0 or more), in any unit.

    Raises:
        ValueError: a number is out of range.
    """

    day: date
    price: float
    demand: float

    def __post_init__(self) -> None:
        if not (0 < self.price < inf and 0 <= self.demand < inf):
            raise ValueError(f"a day needs a price above 0 and a demand of 0 or more: {self}")


@dataclass(frozen=True, slots=True)
class Look:
    """What the days until `day` say: the evidence against each side, the estimate and its deviation.

    All are None where nothing is known, and `reason` says why.
    """

    day: date
    evidence: tuple[float, ...] | None = None
    estimate: float | None = None
    deviation: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a day said. `notify` and `resolve` are True on the one day on which to tell people.

    `e_value` against `threshold` is the evidence that `bound` is broken; `side` is which of the test's sides
    is, None where neither is.
    """

    look: Look
    status: Status
    side: int | None = None
    notify: bool = False
    resolve: bool = False
    e_value: float = 0.0
    threshold: float = 0.0
    bound: float | None = None


@dataclass(frozen=True)
class Test:
    """How an elasticity is tested: what is allowed, and the value that was assumed."""

    # Not a test case of ours, whatever its name suggests to pytest.
    __test__ = False

    bounds: Bounds
    assumed: float

    @classmethod
    def of(cls, assumption: Assumption) -> "Test":
        """Return the test of an assumption.

        Raises:
            ValueError: it is not about an elasticity.
        """
        if assumption.is_daily:
            raise ValueError(f"{assumption.key}: only an elasticity is tested across prices")
        return cls(assumption.bounds, assumption.value)

    @property
    def sides(self) -> list[tuple[int, float]]:
        """(sign, bound) of each bound, +1 where lower elasticities break it; `within` has two."""
        both = ((1, self.bounds.lower), (-1, self.bounds.upper))
        return [(sign, bound) for sign, bound in both if isfinite(bound)]

    @property
    def configuration(self) -> str:
        """The hash of all that decides a verdict but the days and the alarms a year."""
        own = (SMALLEST_CHANGE, LEAST_DAYS, CONFIDENCE, CALIBRATION, LEAST_THRESHOLD, _WATCH, _GONE)
        decides = [asdict(self), own, SIZES, WEIGHTS, SMALLEST_BOUND, CONSTANTS]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()

    def threshold(self, alarms_per_year: float) -> float:
        """Return the evidence that notifies; two sides share the alarms."""
        return len(self.sides) * max(CALIBRATION * 365 / alarms_per_year, LEAST_THRESHOLD)

    def keeps(self, elasticity: float) -> bool:
        """Say whether an elasticity is as assumed."""
        return self.bounds.lower <= elasticity <= self.bounds.upper

    def judge(self, look: Look, broken: int | None, alarms_per_year: float) -> Verdict:
        """Return what a day said; `broken` is the side that was broken before it, None if neither was."""
        if look.evidence is None or look.estimate is None:
            early = look.reason == TOO_EARLY
            return Verdict(look, Status.LEARNING if early else Status.NOT_IDENTIFIABLE, broken)
        threshold = self.threshold(alarms_per_year)
        evidence = look.evidence
        side = max(range(len(evidence)), key=evidence.__getitem__) if broken is None else broken
        share = evidence[side] / threshold
        resolve = broken is not None and evidence[side] <= _GONE and self.keeps(look.estimate)
        notify = broken is None and share >= 1
        if resolve:
            status = Status.RESOLVED
        elif notify or broken is not None:
            status = Status.DIVERGED
        else:
            status = Status.WATCH if share >= _WATCH else Status.OK
        now = side if status is Status.DIVERGED else None
        bound = self.sides[side][1]
        return Verdict(look, status, now, notify, resolve, evidence[side], threshold, bound)


class Path:
    """What is known after each of some days, in any order; a day without demand tells nothing.

    Raises:
        ValueError: a day is given twice.
    """

    def __init__(self, test: Test, days: Iterable[PricedDay]) -> None:
        self._test = test
        self._days = sorted(each for each in days if each.demand > 0)
        if len({each.day for each in self._days}) < len(self._days):
            raise ValueError("a day is given twice")
        self._response = _response(self._days) if self._days else None

    def looks(self) -> list[Look]:
        """Return what is known after each day with demand, by day."""
        if self._response is None:
            return []
        evidence = list(zip(*(self._against(*side) for side in self._test.sides), strict=True))
        estimates, deviations = (each.tolist() for each in self._response.estimates())
        return [
            Look(day.day, reason=reason)
            if reason
            else Look(day.day, evidence[index], estimates[index], deviations[index])
            for index, (day, reason) in enumerate(zip(self._days, _reasons(self._days), strict=True))
        ]

    def interval(self, day: date) -> tuple[float, float]:
        """Return the confidence sequence for the elasticity after `day`, one of which something is known.

        Raises:
            ValueError: there is no such day.
        """
        index = [each.day for each in self._days].index(day)
        assert self._response is not None  # noqa: S101  # there is a day
        return self._response.interval(index, self._test.assumed, CONFIDENCE)

    def _against(self, sign: int, bound: float) -> list[float]:
        """Return the e-values after each day against "the elasticity keeps `bound`"."""
        assert self._response is not None  # noqa: S101  # there is a day
        size = max(abs(bound), SMALLEST_BOUND)
        kept = self._response.log_likelihood(bound)
        broken = [self._response.log_likelihood(bound - sign * share * size) - kept for share in SIZES]
        return [
            sum(weight * exp(min(ratio, _MOST)) for weight, ratio in zip(WEIGHTS, day, strict=True))
            for day in zip(*(each.tolist() for each in broken), strict=True)
        ]


def verdicts(test: Test, path: Path, alarms: Callable[[date], float]) -> list[Verdict]:
    """Return what each day said; `alarms` are the false alarms a year accepted on a day."""
    found: list[Verdict] = []
    broken = None
    for look in path.looks():
        found.append(test.judge(look, broken, alarms(look.day)))
        broken = found[-1].side
    return found


def _reasons(days: Iterable[PricedDay]) -> Iterator[str]:
    """Yield why nothing is known after each day, '' where something is."""
    known: Counter[float] = Counter()
    for day in days:
        known[day.price] += 1
        if _vary(known):
            yield "" if _vary([price for price, count in known.items() if count >= LEAST_DAYS]) else TOO_EARLY
        else:
            yield NO_CHANGE


def _vary(prices: Collection[float]) -> bool:
    return bool(prices) and max(prices) >= min(prices) * (1 + SMALLEST_CHANGE)


def _response(days: Sequence[PricedDay]) -> Response:
    return Response(
        [each.day.toordinal() for each in days],
        [log(each.price) for each in days],
        [log(each.demand) for each in days],
    )
