"""When is silence no rest? Learned from the rhythm of what is silent: a project, or a cohort of it. Pure.

An hour of silence counts as much as it is usual that something comes in it: the share of the last weeks in
which something came at that hour of the week, in local time. Nights and weekends without traffic count
nothing, and a job that runs once a day counts one a day. It is silence when what was missed comes to
`LEAST`, and to three times the longest gap but one of the last weeks, which is counted in the same way (the
longest may have been an incident: it shall not make us deaf for a month). An hour of the past is weighed by
the other weeks, else it would be its own excuse.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

ONE_HOUR = timedelta(hours=1)
ONE_WEEK = timedelta(days=7)
HOURS = 168
"""Of a week."""
WINDOW = 4 * ONE_WEEK
"""What is looked back on, from the last hour in which something came."""
KNOWN = 2 * ONE_WEEK
"""Before there is so much, weeks cannot be compared: all hours count then, and it takes `UNKNOWN` of them."""
REST = timedelta(hours=6)
"""Silence at least, by the clock."""
LEAST, UNKNOWN = 3.0, 72.0
FACTOR = 3.0
FEWEST = 12
"""Hours in which something came, at least: what comes more rarely has no rhythm that could be learned."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How usual each hour of the week is (Monday's first is 0), and what a silence must come to.

    `last` is the last hour, by its start, in which something came.
    """

    zone: ZoneInfo
    weights: tuple[float, ...]
    needed: float
    last: datetime

    def missed(self, hours: Iterable[datetime]) -> float:
        """Return what these hours (by their starts) count, all of them without anything."""
        return sum(self.weights[_slot(hour, self.zone)] for hour in hours)

    def is_broken(self, hours: Collection[datetime]) -> bool:
        """Tell whether the silence is none that is usual.

        Args:
            hours: since `last`, over by now, in which something could have come and nothing did.
        """
        return bool(hours) and max(hours) - self.last >= REST and self.missed(hours) >= self.needed


def learned(
    came: Collection[datetime], zone: ZoneInfo, could: Collection[datetime] | None = None
) -> Habit | None:
    """Return the habit that hours tell of, None where they are too few.

    Args:
        came: hours, by their starts (UTC), in which something came; those that are older than `WINDOW`
            before the last are left out.
        zone: the local time that people live by.
        could: hours in which something could have come; None: in all.
    """
    last = max(came, default=None)
    if last is None:
        return None
    kept = {hour for hour in came if hour > last - WINDOW}
    if len(kept) < FEWEST:
        return None
    first = min(kept)
    span = [hour for hour in hours_between(first, last + ONE_HOUR) if could is None or hour in could]
    if last + ONE_HOUR - first < KNOWN:
        longest = max(_gaps(span, kept, dict.fromkeys(range(HOURS), 1.0), zone))
        return Habit(zone, (1.0,) * HOURS, max(UNKNOWN, FACTOR * longest), last)
    return _compared(span, kept, zone, last)


def _compared(
    span: Collection[datetime], came: Collection[datetime], zone: ZoneInfo, last: datetime
) -> Habit:
    """Return the habit of weeks that are compared with each other."""
    possible = Counter(_slot(hour, zone) for hour in span)
    filled = Counter(_slot(hour, zone) for hour in came)
    # Of an hour without anything: how usual the other weeks make it.
    others = {slot: filled[slot] / (weeks - 1) for slot, weeks in possible.items() if weeks > 1}
    gaps = sorted(_gaps(span, came, others, zone), reverse=True)
    usual = gaps[1] if len(gaps) > 1 else gaps[0]
    weights = tuple(
        min(1.0, filled[slot] / possible[slot]) if possible[slot] else 0.0 for slot in range(HOURS)
    )
    return Habit(zone, weights, max(LEAST, FACTOR * usual), last)


def _gaps(
    span: Iterable[datetime], came: Collection[datetime], weights: Mapping[int, float], zone: ZoneInfo
) -> Iterator[float]:
    """Yield what each gap counts; between two hours that follow each other it is 0."""
    counted = 0.0
    for hour in span:
        if hour in came:
            yield counted
            counted = 0.0
        else:
            counted += weights.get(_slot(hour, zone), 0.0)
    yield counted


def hours_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the whole hours that lie in [start, end), by their starts (UTC)."""
    hour = whole_hour(start)
    if hour < start:
        hour += ONE_HOUR
    while hour + ONE_HOUR <= end:
        yield hour
        hour += ONE_HOUR


def whole_hour(moment: datetime) -> datetime:
    """Return the start (UTC) of the hour that a moment is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _slot(hour: datetime, zone: ZoneInfo) -> int:
    local = hour.astimezone(zone)
    return local.weekday() * 24 + local.hour
