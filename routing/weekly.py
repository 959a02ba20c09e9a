"""When the weekly digest is told, and of what: what is held for less than a day is waited for."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

AT = time(8)
"""By the clock on the wall, each Monday."""
PATIENCE = timedelta(days=1)
Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Week:
    """A week of which the digest is due: since `due` (UTC), on its Monday."""

    monday: date
    due: datetime


def week(at: datetime, zone: ZoneInfo) -> Week:
    """Return the newest week whose digest is due at `at`: of those before none is made up for any more."""
    today = at.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    due = _due(monday, zone)
    if at < due:
        monday -= timedelta(days=7)
        due = _due(monday, zone)
    return Week(monday, due)


def ready(holds: Mapping[Id, datetime | None], at: datetime, due: datetime) -> frozenset[Id]:
    """Return what is told now, of what each is held until some time or not at all (None).

    What is free waits for what soon is, but no longer than `PATIENCE` after the digest was due. What is held
    for longer stays for the week that follows.
    """
    soon = any(until is not None and until <= at + PATIENCE for until in holds.values())
    if soon and at < due + PATIENCE:
        return frozenset()
    return frozenset(each for each, until in holds.items() if until is None)


def _due(monday: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(monday, AT, zone).astimezone(UTC)
