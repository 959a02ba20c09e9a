"""From Telemetry rows to what the detectors fold: pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

from detectors.days import DayBatch, Hour
from detectors.local_days import ONE_DAY, day_of, day_start
from metrics.cell import Cell
from metrics.names import KINDS, Kind, Metric
from metrics.users import UserSet

POOLED_DAYS = 7
"""The days over which the actual value of a report is pooled."""


@dataclass(frozen=True, slots=True)
class HourRow:
    """One Telemetry row; a series of all cohorts or features has several an hour."""

    hour: datetime
    revision: int
    cell: Cell
    cohort: str = ""
    feature: str = ""


def by_day(rows: Iterable[HourRow], zone: ZoneInfo) -> dict[date, list[HourRow]]:
    """Return rows by the local day in which their hour starts."""
    days: dict[date, list[HourRow]] = {}
    for row in rows:
        days.setdefault(day_of(row.hour, zone), []).append(row)
    return days


def day_batch(metric: Metric, day: date, rows: Sequence[HourRow], zone: ZoneInfo) -> DayBatch:
    """Return a complete day; cohorts and features of an hour are merged, a user of several counts once."""
    hours: dict[datetime, list[Cell]] = {}
    for row in rows:
        hours.setdefault(row.hour, []).append(row.cell)
    merged = {start: reduce(or_, cells) for start, cells in hours.items()}
    users = reduce(or_, (cell.users for cell in merged.values()), UserSet())
    return DayBatch(
        day=day,
        ends_at=day_start(day + ONE_DAY, zone),
        hours=tuple(hour for start, cell in merged.items() if (hour := _hour(metric, start, cell))),
        users=users.count(),
        samples=sum(cell.samples for cell in merged.values()),
    )


def actual(metric: Metric, rows: Sequence[HourRow]) -> float | None:
    """Return the value over all `rows` together, in the metric's unit: for sums the mean hour's."""
    if not rows:
        return None
    measure = reduce(or_, (row.cell for row in rows)).measure(metric)
    if measure is None:
        return None
    hours = len({row.hour for row in rows}) if KINDS[metric] is Kind.SUM else 1
    return float(measure.value) / hours


def users_of(rows: Sequence[HourRow]) -> tuple[int, int]:
    """Return (distinct users, samples) of Telemetry rows."""
    users = UserSet()
    for row in rows:
        users = users | row.cell.users
    return users.count(), sum(row.cell.samples for row in rows)


def _hour(metric: Metric, start: datetime, cell: Cell) -> Hour | None:
    measure = cell.measure(metric)
    if measure is None:
        return None
    weight = cell.samples if measure.denominator is None else float(measure.denominator)
    return Hour(start, float(measure.value), weight)
