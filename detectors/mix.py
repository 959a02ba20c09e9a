"""The mix of cohorts: which share of a metric's users belongs to one of them (PERSONA_MISMATCH).

An assumption names it by the unit `share`: `value` percent of the users of `metric_name` belong to `cohort`.
Its rows are those of all cohorts. Users are counted where samples name them; a rate adds its denominators,
and `feature_usage` without named users counts samples instead.

A day's share is that of its distinct users. Hours say how much it wobbles: each has the share of its own
users, and all of a day are moved by the same amount, so that they pool to the day's. Without that, those who
come in many hours of a day would count for many. For the same reason days pool by the users of each day, not
by those of the week: where cohorts come differently often, a report then still says what the test has seen.

A day weighs as many users as it has, at most those that a set keeps (`metrics.users`): a user who is seen in
ten hours is one, and tells nothing new in the second.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

from detectors.days import DayBatch, Hour
from detectors.local_days import ONE_DAY, day_start
from detectors.series import HourRow, by_day
from metrics.cell import Cell
from metrics.fixed import SCALE
from metrics.names import KINDS, Kind, Metric
from metrics.users import EXACT


@dataclass(frozen=True, slots=True)
class _Mix:
    """`part` of `whole` users are of the cohort; `known` were looked at, fewer where `whole` is estimated."""

    part: float
    whole: float
    known: float

    @property
    def percent(self) -> float:
        return 100 * self.part / self.whole


def day_batch(metric: Metric, cohort: str, day: date, rows: Sequence[HourRow], zone: ZoneInfo) -> DayBatch:
    """Return a complete day of the share (percent) that `cohort` has of the users in `rows`, all cohorts'."""
    today = _mix(metric, cohort, rows)
    by_hour: dict[datetime, list[HourRow]] = {}
    for row in sorted(rows, key=lambda row: row.hour):
        by_hour.setdefault(row.hour, []).append(row)
    by_samples = _by_samples(metric, rows)
    mixes = {start: _mix(metric, cohort, each, by_samples=by_samples) for start, each in by_hour.items()}
    return DayBatch(
        day=day,
        ends_at=day_start(day + ONE_DAY, zone),
        hours=_hours(today, {start: mix for start, mix in mixes.items() if mix.whole}),
        users=reduce(or_, (row.cell for row in rows), Cell()).users.count(),
        samples=sum(row.cell.samples for row in rows),
    )


def actual(metric: Metric, cohort: str, rows: Iterable[HourRow], zone: ZoneInfo) -> float | None:
    """Return the share (percent) of `cohort` over all days together, None where nobody was seen.

    A user counts once a day.
    """
    mixes = [_mix(metric, cohort, day) for day in by_day(rows, zone).values()]
    whole = sum(mix.whole for mix in mixes)
    return 100 * sum(mix.part for mix in mixes) / whole if whole else None


def _hours(today: _Mix, mixes: dict[datetime, _Mix]) -> tuple[Hour, ...]:
    seen = sum(mix.whole for mix in mixes.values())
    if not seen:
        return ()
    shift = today.percent - 100 * sum(mix.part for mix in mixes.values()) / seen
    once = today.known / seen
    return tuple(Hour(start, mix.percent + shift, mix.whole * once) for start, mix in mixes.items())


def _mix(metric: Metric, cohort: str, rows: Sequence[HourRow], *, by_samples: bool | None = None) -> _Mix:
    whole = reduce(or_, (row.cell for row in rows), Cell())
    part = reduce(or_, (row.cell for row in rows if row.cohort == cohort), Cell())
    if by_samples is None:
        by_samples = _by_samples(metric, rows)
    users = whole.users.count()
    others = _unnamed(metric, whole, by_samples=by_samples)
    return _Mix(
        part=users * part.users.share_of(whole.users) + _unnamed(metric, part, by_samples=by_samples),
        whole=users + others,
        known=min(users, EXACT) + others,
    )


def _by_samples(metric: Metric, rows: Iterable[HourRow]) -> bool:
    """Say whether samples stand for users: where there is no denominator, and nobody is named all day."""
    return KINDS[metric] is not Kind.RATE and not any(row.cell.users.count() for row in rows)


def _unnamed(metric: Metric, cell: Cell, *, by_samples: bool) -> float:
    if KINDS[metric] is Kind.RATE:
        return cell.of_micro / SCALE
    return cell.samples if by_samples else 0
