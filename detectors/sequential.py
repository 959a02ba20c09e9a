"""The daily test: does production break an assumption, said once, at a known price in false alarms?

`fold` takes one complete local day into the state and says what is known then; `fold_many` does it for many
series at once, and `fold` is that for one: the same bits, alone or among others. A gross breach is told by
the hours of the day, before the day is tested as a whole; `glance` tells it while the day lasts. All are
pure: no clock, no I/O, work and state that do not grow. A series that merely wobbles round its bound alarms
some 0.1 times a year; see docs/detection.md for the design, its figures, and what defeats it (ramps at
launch, weeks-long swings, holidays).
"""

from dataclasses import replace
from datetime import date

import numpy as np

from detectors.baseline import Estimate
from detectors.days import DayBatch
from detectors.evidence import RECOVERED, against, evidence, recovery
from detectors.fast import learn, watch
from detectors.grid import HOUR, Days
from detectors.interval import DAYS as WEEK
from detectors.lanes import Breaches, Hours
from detectors.plan import ALARMS_PER_YEAR, Test, Tests
from detectors.rows import Bools, Floats, Ints, pick, put
from detectors.state import NEITHER, State
from detectors.today import enough, hours_of
from detectors.verdicts import CODE, STATUSES, Status, Verdict, Verdicts

__all__ = [
    "ALARMS_PER_YEAR",
    "STATUSES",
    "Days",
    "State",
    "Status",
    "Test",
    "Tests",
    "Verdict",
    "Verdicts",
    "fold",
    "fold_many",
    "glance",
    "glance_many",
]

LEARNING_DAYS = 7
"""Days before a series that shows nothing is called OK; a clear breach is said earlier."""
_WATCH = 0.1


def fold(test: Test, state: State, batch: DayBatch) -> tuple[State, Verdict]:
    """Take one complete day of one series into its state. Days without enough data leave it as it is.

    Raises:
        ValueError: the day is not after the last one folded (after a correction, fold again from the start).
    """
    state, verdicts = fold_many(test.alone, state, Days.of([batch]))
    return state, verdicts.of(0)


def fold_many(tests: Tests, state: State, days: Days) -> tuple[State, Verdicts]:
    """Take one complete day of each of S series into their states: the series of all three are the same.

    A series' result does not depend on its neighbours, to the bit. A course of days is folded day by day:

        tests = Tests.of([Test.of(assumption), ...])
        state = tests.start()
        for number in range(730):  # value and weight (S, 730, 24)
            day = Days.of_hours(first + timedelta(number), value[:, number], weight[:, number])
            state, verdicts = fold_many(tests, state, day)
            told = verdicts.notify  # (S,); STATUSES[verdicts.status[row]] is a series' status

    Raises:
        ValueError: a day is not after the last one folded.
    """
    _refuse_earlier(state, days)
    hours, breaches = _look(tests, state, days)
    folded, said, expected = _fold_taken(tests, state, days)
    told = breaches.column >= 0
    if told.any():
        folded = _break(folded, told, breaches.side)
        said = put(said, told, pick(_gross(tests, state, days, hours, breaches), told))
    lanes = learn(state.lanes, hours, expected, breaches)
    used = told | ~np.isnan(expected)
    return replace(folded, lanes=lanes if used.all() else put(state.lanes, used, pick(lanes, used))), said


def glance(test: Test, state: State, batch: DayBatch) -> Verdict | None:
    """Return what the fast lane says of the hours so far of a day, None while it says nothing.

    The state is left as it is. `fold` of the complete day says the same, unless hours so far are changed.

    Raises:
        ValueError: the day is not after the last one folded.
    """
    return glance_many(test.alone, state, Days.of([batch]))[0]


def glance_many(tests: Tests, state: State, days: Days) -> list[Verdict | None]:
    """Return what the fast lane says of each of S series, as `glance` does of one: the same bits.

    Raises:
        ValueError: a day is not after the last one folded.
    """
    _refuse_earlier(state, days)
    hours, breaches = _look(tests, state, days)
    told = breaches.column >= 0
    if not told.any():
        return [None] * len(told)
    said = _gross(tests, state, days, hours, breaches)
    return [said.of(row) if told[row] else None for row in range(len(told))]


def _refuse_earlier(state: State, days: Days) -> None:
    wrong = np.flatnonzero(days.day <= state.baseline.last_day)
    if len(wrong):
        day, last = (date.fromordinal(each[wrong[0]]) for each in (days.day, state.baseline.last_day))
        raise ValueError(f"{day} is not after {last}, the last day folded")


def _look(tests: Tests, state: State, days: Days) -> tuple[Hours, Breaches]:
    """Return the fast lane's hours and breaches by what was known before the day."""
    floored: Bools = np.any(tests.sign > 0, axis=-1)
    hours = hours_of(days, tests.scales, floored, state.baseline, state.lanes)
    needed = np.maximum(tests.min_samples, tests.min_users)
    armed = (state.broken == NEITHER)[:, None] & enough(days, hours, needed)
    return hours, watch(state.lanes, hours, tests.fast, armed)


def _fold_taken(tests: Tests, state: State, days: Days) -> tuple[State, Verdicts, Floats]:
    """Take the days with enough data; also return what their hours were expected to be, NaN of others."""
    takes = tests.takes(days, days.there)
    if takes.all():
        return _fold(tests, state, days)
    said, expected = _held(tests, state, days), np.full(len(takes), np.nan)
    rows = np.flatnonzero(takes)
    if not len(rows):
        return state, said, expected
    folded, part, expected[rows] = _fold(pick(tests, rows), pick(state, rows), pick(days, rows))
    return put(state, rows, folded), put(said, rows, part), expected


def _fold(tests: Tests, state: State, days: Days) -> tuple[State, Verdicts, Floats]:
    baseline, estimate = state.baseline.fold(days, tests.scales)
    breach, size = _in_deviations(tests, estimate)
    seeking = state.broken == NEITHER
    sums = np.where((seeking[:, None] & tests.sides)[:, :, None], against(state.sums, breach, size), 0.0)
    broken = np.maximum(state.broken, 0)
    mending = recovery(state.recovery, _at(breach, broken), _at(size, broken))
    recent = state.recent.push(estimate.mean, estimate.deviation)
    worst, share = _worst(tests, sums)
    state = replace(
        state, sums=sums, recovery=np.where(seeking, 0.0, mending), baseline=baseline, recent=recent
    )
    found = seeking & (share >= 1)
    kept = recent.keeps(_at(tests.sign, broken), _at(tests.bound, broken))
    mended = (state.recovery >= RECOVERED) & kept
    said = replace(
        _spoken(tests, state, np.where(seeking, worst, broken), days, breaking=found | ~seeking),
        status=_status(share, found, mended, seeking, baseline.days),
        notify=found,
        resolve=mended,
        mean=estimate.mean * tests.scales.unit,
        deviation=estimate.deviation * tests.scales.unit,
    )
    return _mend(_break(state, found, worst), mended), said, estimate.expected


def _break(state: State, which: Bools, side: Ints) -> State:
    """Return the state in which those series (S,) have broken the bound at `side` (S,)."""
    return replace(
        state,
        sums=np.where(which[:, None, None], 0.0, state.sums),
        broken=np.where(which, side, state.broken),
        # About the level of before, days under breach would count as wobble, and hide the breach's end.
        baseline=state.baseline.restart_level(which),
    )


def _mend(state: State, which: Bools) -> State:
    """Return the state in which those series (S,) keep their bound again."""
    return replace(
        state,
        broken=np.where(which, NEITHER, state.broken),
        recovery=np.where(which, 0.0, state.recovery),
    )


def _in_deviations(tests: Tests, estimate: Estimate) -> tuple[Floats, Floats]:
    """Return how far beyond each side the day is, and what breaches are shares of: (S, 2) in deviations."""
    deviation = estimate.deviation[:, None]
    return tests.sign * (tests.bound - estimate.mean[:, None]) / deviation, tests.effect / deviation


def _worst(tests: Tests, sums: Floats) -> tuple[Ints, Floats]:
    """Return the side (S,) with the most evidence against it, and that as a share of the threshold (S,)."""
    share = evidence(sums) / tests.threshold
    worst = share.argmax(axis=-1)
    return worst, _at(share, worst)


def _status(share: Floats, found: Bools, mended: Bools, seeking: Bools, days: Floats) -> Ints:
    quiet = np.where(days < LEARNING_DAYS, CODE[Status.LEARNING], CODE[Status.OK])
    status = np.where(share >= _WATCH, CODE[Status.WATCH], quiet)
    status = np.where(found | ~seeking, CODE[Status.DIVERGED], status)
    return np.where(mended, CODE[Status.RESOLVED], status)


def _held(tests: Tests, state: State, days: Days) -> Verdicts:
    """Return what is said on a day without enough data."""
    breaking = state.broken != NEITHER
    side = np.where(breaking, state.broken, _worst(tests, state.sums)[0])
    said = _spoken(tests, state, side, days, breaking)
    return replace(said, status=np.where(tests.excludes(days), CODE[Status.EXCLUDED], said.status))


def _gross(tests: Tests, state: State, days: Days, hours: Hours, breaches: Breaches) -> Verdicts:
    """Return what is said of gross breaches; `state` is that of before the day."""
    unit, told, unknown = tests.scales.unit, breaches.column >= 0, np.full(len(days.day), np.nan)
    return replace(
        _spoken(tests, state, np.maximum(breaches.side, 0), days, ~told),
        status=np.full(len(told), CODE[Status.DIVERGED]),
        notify=told,
        at=(hours.first + breaches.column + 1) * HOUR,
        fast=told,
        mean=breaches.mean * unit,
        deviation=breaches.deviation * unit,
        low=unknown,
        high=unknown,
        interval_days=np.zeros(len(told), np.int64),
    )


def _spoken(tests: Tests, state: State, side: Ints, days: Days, breaking: Bools) -> Verdicts:
    """Return verdicts that speak of a `side` (S,) each, as on a day without enough data.

    Of those that are `breaking` (S,) the interval is about the days since, of others about the last week.
    """
    nothing, unknown = np.zeros(len(side), bool), np.full(len(side), np.nan)
    seeking, unit = state.broken == NEITHER, tests.scales.unit
    since = state.recent.clearest(_at(tests.sign, side), _at(tests.bound, side))
    interval = state.recent.interval(np.where(breaking, since, WEEK))
    most = np.where(tests.scales.sampling > 0, 1.0, np.inf)
    return Verdicts(
        status=np.full(len(side), CODE[Status.NO_DATA]),
        notify=nothing,
        resolve=nothing,
        e_value=np.where(seeking, _at(evidence(state.sums), side), state.recovery),
        threshold=np.where(seeking, _at(tests.threshold, side), RECOVERED),
        bound=_at(tests.bound, side) * unit,
        at=days.ends,
        fast=nothing,
        mean=unknown,
        deviation=unknown,
        low=np.maximum(interval.low, 0.0) * unit,
        high=np.minimum(interval.high, most) * unit,
        interval_days=interval.days,
    )


def _at(values: Floats, side: Ints) -> Floats:
    """Return of each pair (S, 2) the one at `side` (S,)."""
    return np.where(side == 0, values[:, 0], values[:, 1])
