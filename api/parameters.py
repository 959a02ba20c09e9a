"""Parameters that several routes share."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from storage.reading.pages import Orders

_YEARS = range(1900, 9000)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character is in no text of ours")
    return text


def _within_reason(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError(f"a year from {_YEARS.start} to {_YEARS.stop - 1} is meant")
    return moment


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


Text = Annotated[str, AfterValidator(_without_nul)]
Label = Annotated[str, StringConstraints(max_length=100), AfterValidator(_without_nul)]
Moment = Annotated[AwareDatetime, AfterValidator(_within_reason)]
Since = Annotated[Moment, Field(description="from this time on (RFC 3339, with an offset)")]
Until = Annotated[Moment, Field(description="before this time (RFC 3339, with an offset)")]
