"""Our test on simulated series, all of them at once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from benchmarks.detection.counting import HOURS, Said
from benchmarks.detection.noise import Floats
from benchmarks.detection.series import Series
from detectors.assumptions import Assumption
from detectors.bounds import Operator
from detectors.sequential import ALARMS_PER_YEAR, Days, State, Test, Tests, Verdicts, fold_many

MONDAY = date(2024, 1, 1)


def watched(series: Series, alarms_per_year: float = ALARMS_PER_YEAR) -> Tests:
    """Return the test of each series, about its own bound."""
    operator = Operator.AT_LEAST if series.sign > 0 else Operator.AT_MOST
    return Tests.of(
        [
            Test.of(
                Assumption(key="a", metric_name=series.metric, operator=operator, value=bound),
                alarms_per_year,
            )
            for bound in series.bounds.tolist()
        ]
    )


def days_of(series: Series, *, holidays: bool = False) -> Iterator[Days]:
    """Yield the days, of all series each; with `holidays` these are taken out."""
    values = np.nan_to_num(series.values)
    for number in range(values.shape[1]):
        day = Days.of_hours(MONDAY + timedelta(number), values[:, number], series.weights[:, number])
        off = series.holidays[:, number, None] & np.ones_like(day.excluded)
        yield replace(day, excluded=off) if holidays else day


def verdicts(tests: Tests, days: Iterator[Days]) -> Iterator[tuple[State, Verdicts]]:
    """Yield the state and what was said after each day."""
    state = tests.start()
    for day in days:
        state, said = fold_many(tests, state, day)
        yield state, said


def said(
    series: Series,
    alarms_per_year: float = ALARMS_PER_YEAR,
    *,
    begin: int = 0,
    holidays: bool = False,
) -> Said:
    """Return what the test says; days before `begin` are not folded (a launch grace)."""
    days = [day for number, day in enumerate(days_of(series, holidays=holidays)) if number >= begin]
    told = [each for _, each in verdicts(watched(series, alarms_per_year), iter(days))]
    notify = np.array([each.notify for each in told]).T
    resolve = np.array([each.resolve for each in told]).T
    ends_of_days = (np.arange(len(days)) + begin + 1.0) * HOURS
    starts = tuple(ends_of_days[row] for row in notify)
    over = tuple(ends_of_days[row] for row in resolve)
    return Said(starts, tuple(_open(*pair) for pair in zip(starts, over, strict=True)))


def _open(starts: Floats, over: Floats) -> Floats:
    """Return the end of each alarm: none for one that stands."""
    return np.concatenate([over, np.full(len(starts) - len(over), np.inf)])
