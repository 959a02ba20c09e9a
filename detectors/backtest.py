"""What an assumption would have said of hours that are known already: the same fold as production's.

Pure: hours in, transitions out. Series of a file are folded side by side; stored Telemetry is read as
production reads it, with its sketches and without the hours that were taken out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from detectors.assumptions import Assumption
from detectors.course import GROSS_SPAN
from detectors.days import PLACES
from detectors.divergence import relative_gap
from detectors.exclusions import Exclusions
from detectors.grid import HOUR, Days
from detectors.local_days import ONE_DAY, ONE_HOUR, day_of, day_start, first_whole_day
from detectors.plan import Test, Tests
from detectors.readings import actual, day_batch
from detectors.rows import Bools, Floats, Ints, pick, put
from detectors.sequential import fold_many
from detectors.series import POOLED_DAYS, HourRow, by_day
from detectors.verdicts import CODE, Lane, Status, Verdict, Verdicts
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
    ((actual - assumed) / |assumed|) over the last seven complete days, of a breach that is told over those
    since it seems to have begun: None where nothing was measured in them, or nothing was assumed (0).
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the complete days `first` to `through` would have said; neither is there without one."""

    first: date | None
    through: date | None
    transitions: tuple[Transition, ...]


def backtest(item: Assumption, alarms_per_year: float, histories: Histories) -> list[Transition]:
    """Return what would have been said, in order of time and then of the series' names.

    Raises:
        ValueError: the assumption is about an elasticity, or the rate is out of range.
    """
    test = Test.of(item, alarms_per_year)
    numbers = range(len(histories.ends))
    days = ((np.flatnonzero(histories.begins <= number), histories.day(number)) for number in numbers)

    def gap(row: int, number: int, since: datetime, at: datetime) -> float | None:
        days = slice(max(int(histories.begins[row]), number - POOLED_DAYS + 1), number + 1)
        starts = histories.ends[days, None] - (PLACES - np.arange(PLACES)) * HOUR
        meant = (starts >= since.timestamp()) & (starts < at.timestamp())
        value, weight = histories.value[row, days][meant], histories.weight[row, days][meant]
        return _gap(item, pooled(item.kind, value, weight))

    return _replayed(test, histories.names, days, gap)


def backtest_rows(
    item: Assumption, alarms_per_year: float, rows: Sequence[HourRow], exclusions: Exclusions
) -> Outcome:
    """Return what stored Telemetry would have said of an assumption; `rows` are those that it is about.

    It begins with the oldest row, or where the assumption says that it takes effect, if that is later; the
    last day is the last of which the newest row is the last hour.

    Raises:
        ValueError: as `backtest`.
    """
    test, zone = Test.of(item, alarms_per_year), exclusions.zone
    if not rows:
        return Outcome(None, None, ())
    kept = [row for row in rows if not exclusions.covers(row.hour)]
    days, kept_days = by_day(rows, zone), by_day(kept, zone)
    first, through = _span(item, rows, zone)
    dates = [first + timedelta(number) for number in range((through - first).days + 1)]
    if not dates:
        return Outcome(None, None, ())
    batches = (day_batch(item, day, days.get(day, ()), exclusions, zone) for day in dates)

    def gap(_: int, number: int, since: datetime, at: datetime) -> float | None:
        known = dates[max(number - POOLED_DAYS + 1, 0) : number + 1]
        meant = (row for day in known for row in kept_days.get(day, ()) if since <= row.hour < at)
        return _gap(item, actual(item, list(meant), zone))

    alone = ((np.zeros(1, np.int64), Days.of([batch])) for batch in batches)
    return Outcome(first, through, tuple(_replayed(test, (item.key,), alone, gap)))


def _span(item: Assumption, rows: Sequence[HourRow], zone: ZoneInfo) -> tuple[date, date]:
    hours = [row.hour for row in rows]
    first, last = day_of(min(hours), zone), day_of(max(hours), zone)
    if item.effective_from:
        first = max(first, first_whole_day(item.effective_from, zone))
    if day_start(last + ONE_DAY, zone) > max(hours) + ONE_HOUR:
        last -= ONE_DAY
    return first + timedelta(item.launch_grace_days), last


def _replayed(
    test: Test,
    names: Sequence[str],
    days: Iterable[tuple[Ints, Days]],
    gap: Callable[[int, int, datetime, datetime], float | None],
) -> list[Transition]:
    """Fold day after day; each comes with the rows of the series that take part already."""
    tests = Tests.of([test] * len(names))
    state, found = tests.start(), list[Transition]()
    before = np.full(len(names), CODE[Status.LEARNING])
    heard = before.copy()
    for number, (rows, day) in enumerate(days):
        if not len(rows):
            continue
        folded, said = fold_many(pick(tests, rows), pick(state, rows), pick(day, rows))
        state = put(state, rows, folded)
        for event, told in _events(said, before[rows], heard[rows]):
            for place in np.flatnonzero(told):
                row, verdict = int(rows[place]), said.of(int(place))
                size = gap(row, number, _since(verdict), verdict.at)
                found.append(
                    Transition(names[row], verdict.at, event, str(verdict.status), verdict.e_value, size)
                )
        before[rows] = said.status
        silent = (said.status == CODE[Status.NO_DATA]) | (said.status == CODE[Status.EXCLUDED])
        heard[rows] = np.where(silent, heard[rows], said.status)
    return sorted(found, key=lambda each: (each.at, each.series))


def _events(said: Verdicts, before: Ints, heard: Ints) -> Iterator[tuple[str, Bools]]:
    watch, silent = CODE[Status.WATCH], CODE[Status.NO_DATA]
    yield "watch", (said.status == watch) & (heard != watch)
    yield "notify", said.notify
    yield "resolve", said.resolve
    yield "no_data", (said.status == silent) & (before != silent)


def _since(verdict: Verdict) -> datetime:
    """Return from when on the gap is that of the breach: at most a week ago."""
    if verdict.lane is Lane.FAST:
        return verdict.at - GROSS_SPAN
    days = verdict.interval_days if verdict.notify else 0
    return verdict.at - timedelta(days or POOLED_DAYS)


def _gap(item: Assumption, value: float | None) -> float | None:
    if value is None:
        return None
    gap = relative_gap(item.operator, item.value, item.tolerance, item.tolerance_kind, value)
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
