"""Parameters that several routes share."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from detectors.calendars import spelt_out
from routing.spans import SECONDS, spelt
from storage.reading.pages import Orders

_When = TypeVar("_When", date, datetime)
_YEARS = range(1900, 9000)
_DAY_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
_SPAN = re.compile("(0|[1-9][0-9]{0,8})([dhms])")


def without_nul(text: str) -> str:
    """Return the text; fails where it holds what no text of the database can."""
    if "\0" in text:
        raise ValueError("a NUL character is in no text of ours")
    return text


def _spelt_out(value: object) -> object:
    # Seconds or milliseconds, and of which day's midnight: a number or a bare date does not say.
    if isinstance(value, datetime) or (isinstance(value, str) and _DAY_AND_TIME.match(value)):
        return value
    raise ValueError("send a time as in 2026-11-01T10:00:00Z")


def _within_reason(moment: _When) -> _When:
    if moment.year not in _YEARS:
        raise ValueError(f"a year from {_YEARS.start} to {_YEARS.stop - 1} is meant")
    return moment


def _measured(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("send a number and s, m, h or d, as in 30s or 4h")
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


@dataclass(frozen=True)
class OneOf:
    """Marks a text as one of a list that another module keeps: `Annotated[str, OneOf(ROLES)]`."""

    values: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Say it in pydantic's words."""
        del source, handler
        return core_schema.literal_schema(list(self.values))


def sorts(orders: Orders) -> OneOf:
    """Return what `sort` may say of a list that has these orders: rising, and with `-` falling."""
    return OneOf(tuple(sign + name for name in orders for sign in ("", "-")))


Text = Annotated[str, AfterValidator(without_nul)]
Label = Annotated[str, StringConstraints(max_length=100), AfterValidator(without_nul)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(without_nul)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(without_nul)]
Moment = Annotated[AwareDatetime, BeforeValidator(_spelt_out), AfterValidator(_within_reason)]
Day = Annotated[date, BeforeValidator(spelt_out), AfterValidator(_within_reason)]
Span = Annotated[
    timedelta,
    BeforeValidator(_measured),
    PlainSerializer(spelt, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_SPAN.pattern}$", "examples": ["4h"]}),
]
"""How long: a number and s, m, h or d. Bounds stand beside it, as in `Annotated[Span, Field(ge=...)]`."""
Since = Annotated[Moment, Field(description="from this time on (RFC 3339, with an offset)")]
Until = Annotated[Moment, Field(description="before this time (RFC 3339, with an offset)")]
