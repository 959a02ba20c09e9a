"""Our test on simulated series, all of them at once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from benchmarks.detection.cases import Case
from benchmarks.detection.counting import Said
from benchmarks.detection.noise import Flags, Floats
from benchmarks.detection.series import Series
from detectors.assumptions import Assumption
from detectors.bounds import Operator
from detectors.sequential import ALARMS_PER_YEAR, Days, State, Test, Tests, Verdicts, fold_many

MONDAY = date(2024, 1, 1)
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


def watched(case: Case, series: Series, alarms_per_year: float = ALARMS_PER_YEAR) -> Tests:
    """Return the test of each series, about its own bound."""
    operator = Operator.AT_LEAST if series.sign > 0 else Operator.AT_MOST
    made = [
        Assumption(key="a", metric_name=series.metric, operator=operator, value=bound, slow=case.slow)
        for bound in series.bounds.tolist()
    ]
    return Tests.of([Test.of(each, alarms_per_year) for each in made])


def days_of(case: Case, series: Series) -> Iterator[Days]:
    """Yield the days that are folded, of all series each."""
    values = np.nan_to_num(series.values)
    for number in range(case.grace, case.days):
        day = Days.of_hours(MONDAY + timedelta(number), values[:, number], series.weights[:, number])
        off = series.holidays[:, number, None] & np.ones_like(day.excluded)
        yield replace(day, excluded=off) if case.taken_out else day


def verdicts(tests: Tests, days: Iterator[Days]) -> Iterator[tuple[State, Verdicts]]:
    """Yield the state and what was said after each day."""
    state = tests.start()
    for day in days:
        state, said = fold_many(tests, state, day)
        yield state, said


def said(case: Case, series: Series, alarms_per_year: float = ALARMS_PER_YEAR) -> Said:
    """Return what the test says, both lanes of it."""
    tests = watched(case, series, alarms_per_year)
    told = [each for _, each in verdicts(tests, days_of(case, series))]
    hours = (np.array([each.at for each in told]).T - _BEGIN) / 3600
    starts = _picked(hours, np.array([each.notify for each in told]).T)
    over = _picked(hours, np.array([each.resolve for each in told]).T)
    return Said(starts, tuple(_open(*pair) for pair in zip(starts, over, strict=True)))


def _picked(hours: Floats, which: Flags) -> tuple[Floats, ...]:
    return tuple(row[picked] for row, picked in zip(hours, which, strict=True))


def _open(starts: Floats, over: Floats) -> Floats:
    """Return the end of each alarm: none for one that stands."""
    return np.concatenate([over, np.full(len(starts) - len(over), np.inf)])
