"""What an assumption would have said of hours that are known already: the same fold as production's.

Pure: hours in, transitions out. Many series are folded side by side.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any

import numpy as np

from detectors.assumptions import Assumption
from detectors.days import PLACES
from detectors.divergence import relative_gap
from detectors.grid import Days
from detectors.plan import Test, Tests
from detectors.rows import Bools, Floats, Ints, pick, put
from detectors.sequential import fold_many
from detectors.series import POOLED_DAYS
from detectors.verdicts import CODE, STATUSES, Status, Verdicts
from metrics.names import Kind


@dataclass(frozen=True, eq=False)
class Histories:
    """S series of D local days that follow one another, `first` being the first.

    `value` and `weight` are (S, D, 25) as in `detectors.grid.Days`, `people` (S, D) the users (or samples) of
    a day, `ends` (D,) the ends of the days in seconds since 1970, `begins` (S,) the number of the first day
    that is folded; `names` are the series' own, in order.
    """

    names: tuple[str, ...]
    first: date
    ends: Ints
    value: Floats
    weight: Floats
    people: Ints
    begins: Ints

    def day(self, number: int) -> Days:
        """Return one day of all series."""
        count = len(self.names)
        return Days(
            day=np.full(count, self.first.toordinal() + number),
            ends=np.full(count, self.ends[number]),
            value=self.value[:, number],
            weight=self.weight[:, number],
            excluded=np.zeros((count, PLACES), bool),
            people=self.people[:, number],
        )


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of what is known of a series.

    `at` is when it was possible, `event` one of watch, notify, resolve and no_data. `gap` is relative
    ((actual - assumed) / |assumed|, over the last seven complete days): None where nothing was measured in
    them, or nothing was assumed (0).
    """

    series: str
    at: datetime
    event: str
    state: str
    e_value: float
    gap: float | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self) | {"at": f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}


def backtest(item: Assumption, alarms_per_year: float, histories: Histories) -> list[Transition]:
    """Return what would have been said, in order of time and then of the series' names.

    Raises:
        ValueError: the assumption is about an elasticity, or the rate is out of range.
    """
    tests = Tests.of([Test.of(item, alarms_per_year)] * len(histories.names))
    state, found = tests.start(), list[Transition]()
    before = np.full(len(histories.names), CODE[Status.LEARNING])
    heard = before.copy()
    for number in range(len(histories.ends)):
        rows = np.flatnonzero(histories.begins <= number)
        if not len(rows):
            continue
        folded, said = fold_many(pick(tests, rows), pick(state, rows), pick(histories.day(number), rows))
        state = put(state, rows, folded)
        found += _told(item, histories, number, rows, said, before[rows], heard[rows])
        before[rows] = said.status
        silent = (said.status == CODE[Status.NO_DATA]) | (said.status == CODE[Status.EXCLUDED])
        heard[rows] = np.where(silent, heard[rows], said.status)
    return sorted(found, key=lambda each: (each.at, each.series))


def _told(
    item: Assumption,
    histories: Histories,
    number: int,
    rows: Ints,
    said: Verdicts,
    before: Ints,
    heard: Ints,
) -> Iterator[Transition]:
    for event, of in _events(said, before, heard):
        for place in np.flatnonzero(of):
            row, verdict = rows[place], said.of(int(place))
            yield Transition(
                series=histories.names[row],
                at=verdict.at,
                event=event,
                state=str(STATUSES[said.status[place]]),
                e_value=verdict.e_value,
                gap=_gap(item, histories, int(row), number),
            )


def _events(said: Verdicts, before: Ints, heard: Ints) -> Iterator[tuple[str, Bools]]:
    watch, silent = CODE[Status.WATCH], CODE[Status.NO_DATA]
    yield "watch", (said.status == watch) & (heard != watch)
    yield "notify", said.notify
    yield "resolve", said.resolve
    yield "no_data", (said.status == silent) & (before != silent)


def _gap(item: Assumption, histories: Histories, row: int, number: int) -> float | None:
    days = slice(max(int(histories.begins[row]), number - POOLED_DAYS + 1), number + 1)
    actual = pooled(item.kind, histories.value[row, days], histories.weight[row, days])
    if actual is None:
        return None
    gap = relative_gap(item.operator, item.value, item.tolerance, item.tolerance_kind, actual)
    return gap if isfinite(gap) else None


def pooled(kind: Kind, value: Floats, weight: Floats) -> float | None:
    """Return the value over all hours in the metric's unit, None where there is none; weight 0 = missing.

    Rates pool numerators and denominators, sums are the mean hour. Medians do not pool: this is the weighted
    lower median of the hourly ones, for those who have no sketches to merge.
    """
    there = weight > 0
    if not there.any():
        return None
    value, weight = value[there], weight[there]
    if kind is Kind.SUM:
        return float(value.mean())
    if kind is Kind.RATE:
        return float((value * weight).sum() / weight.sum())
    order = value.argsort(kind="stable")
    half = np.searchsorted(weight[order].cumsum(), weight.sum() / 2)
    return float(value[order[half]])
