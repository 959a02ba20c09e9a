"""The daily test: does production break an assumption, said once, at a known price in false alarms?

`fold` takes one complete local day into the state and says what is known then; `fold_many` does it for many
series at once, and `fold` is that for one: the same bits, alone or among others. Both are pure: no clock, no
I/O, work and state that do not grow. A series that merely wobbles round its bound alarms some 0.1 times a
year; see docs/detection.md for the design, its figures, and what defeats it (ramps at launch, weeks-long
swings, holidays).
"""

from dataclasses import replace
from datetime import date

import numpy as np

from detectors.baseline import Estimate
from detectors.days import DayBatch
from detectors.evidence import RECOVERED, against, evidence, recovery
from detectors.grid import Days
from detectors.plan import ALARMS_PER_YEAR, Test, Tests
from detectors.rows import Bools, Floats, Ints, pick, put
from detectors.state import NEITHER, State
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
    takes = tests.takes(days, days.there)
    if takes.all():
        return _fold(tests, state, days)
    verdicts = _held(tests, state, days)
    rows = np.flatnonzero(takes)
    if not len(rows):
        return state, verdicts
    folded, said = _fold(pick(tests, rows), pick(state, rows), pick(days, rows))
    return put(state, rows, folded), put(verdicts, rows, said)


def _refuse_earlier(state: State, days: Days) -> None:
    wrong = np.flatnonzero(days.day <= state.baseline.last_day)
    if len(wrong):
        day, last = (date.fromordinal(each[wrong[0]]) for each in (days.day, state.baseline.last_day))
        raise ValueError(f"{day} is not after {last}, the last day folded")


def _fold(tests: Tests, state: State, days: Days) -> tuple[State, Verdicts]:
    baseline, estimate = state.baseline.fold(days, tests.scales)
    breach, size = _in_deviations(tests, estimate)
    seeking = state.broken == NEITHER
    sums = np.where((seeking[:, None] & tests.sides)[:, :, None], against(state.sums, breach, size), 0.0)
    side = np.maximum(state.broken, 0)
    mending = np.where(seeking, 0.0, recovery(state.recovery, _at(breach, side), _at(size, side)))
    worst, share = _worst(tests, sums)
    found, mended = seeking & (share >= 1), mending >= RECOVERED
    said = _spoken(tests, np.where(seeking, worst, side), sums, mending, seeking, days)
    said = replace(
        said,
        status=_status(share, found, mended, seeking, baseline.days),
        notify=found,
        resolve=mended,
        mean=estimate.mean * tests.scales.unit,
        deviation=estimate.deviation * tests.scales.unit,
    )
    broken = np.where(found, worst, np.where(mended, NEITHER, state.broken))
    # About the level of before, days under breach would count as wobble, and hide the breach's end.
    baseline = baseline.restart_level(found)
    sums = np.where(found[:, None, None], 0.0, sums)
    return State(sums, broken, np.where(mended, 0.0, mending), baseline), said


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
    seeking = state.broken == NEITHER
    side = np.where(seeking, _worst(tests, state.sums)[0], state.broken)
    said = _spoken(tests, side, state.sums, state.recovery, seeking, days)
    return replace(said, status=np.where(tests.excludes(days), CODE[Status.EXCLUDED], said.status))


def _spoken(tests: Tests, side: Ints, sums: Floats, mending: Floats, seeking: Bools, days: Days) -> Verdicts:
    """Return verdicts that speak of a `side` (S,) each, as on a day without enough data."""
    nothing, unknown = np.zeros(len(side), bool), np.full(len(side), np.nan)
    return Verdicts(
        status=np.full(len(side), CODE[Status.NO_DATA]),
        notify=nothing,
        resolve=nothing,
        e_value=np.where(seeking, _at(evidence(sums), side), mending),
        threshold=np.where(seeking, _at(tests.threshold, side), RECOVERED),
        bound=_at(tests.bound, side) * tests.scales.unit,
        at=days.ends,
        fast=nothing,
        mean=unknown,
        deviation=unknown,
    )


def _at(values: Floats, side: Ints) -> Floats:
    """Return of each pair (S, 2) the one at `side` (S,)."""
    return np.where(side == 0, values[:, 0], values[:, 1])
