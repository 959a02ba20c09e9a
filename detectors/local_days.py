"""Local days: the hours that start in a day of the organisation's time zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
ONE_HOUR = timedelta(hours=1)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment (UTC) at which a local day begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """Return the local day of a moment."""
    return moment.astimezone(zone).date()


def hours_of(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the hours of a local day: 23 to 25 of them, by their start."""
    hour, end = day_start(day, zone), day_start(day + ONE_DAY, zone)
    while hour < end:
        yield hour
        hour += ONE_HOUR


def first_whole_day(after: datetime, zone: ZoneInfo) -> date:
    """Return the first local day that begins at `after` or later."""
    day = day_of(after, zone)
    return day if day_start(day, zone) >= after else day + ONE_DAY


def completed(after: date, through: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Yield the local days after `after` that end at `through` or before."""
    day = after + ONE_DAY
    while day_start(day + ONE_DAY, zone) <= through:
        yield day
        day += ONE_DAY
