"""Days, ISO weeks and months as spans of local days."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import NamedTuple

_DAY = timedelta(days=1)


class Span(NamedTuple):
    """Local days, both inclusive."""

    first: date
    last: date


EVERY = Span(date.min, date.max)
"""All days: asyncpg sends these two as -infinity and infinity."""


def about(days: Iterable[date]) -> list[Span]:
    """Return the local days, in whatever time zone, of which a part is in these days of UTC."""
    return _joined(Span(day - _DAY, day + _DAY) for day in days)


def weeks(spans: Iterable[Span]) -> list[Span]:
    """Return the ISO weeks, whole, of which a day is in the spans."""
    return _joined(_widened(span, _monday, _sunday) for span in spans)


def months(spans: Iterable[Span]) -> list[Span]:
    """Return the months, whole, of which a day is in the spans."""
    return _joined(_widened(span, _first_of_month, _last_of_month) for span in spans)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Return the same days in spans that neither meet nor overlap."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.first <= found[-1].last + _DAY:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return found


def _widened(span: Span, first: Callable[[date], date], last: Callable[[date], date]) -> Span:
    return span if span == EVERY else Span(first(span.first), last(span.last))


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY


def _sunday(day: date) -> date:
    return _monday(day) + 6 * _DAY


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _last_of_month(day: date) -> date:
    return _first_of_month(_first_of_month(day) + 31 * _DAY) - _DAY
