"""A team's calendar: the public holidays of a country in given years, and days of its own.

What the library says of a day changes as it is corrected, of days that are past too. So a calendar is made
into days when it is put, and detection reads those.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

YEARS = range(2000, 2101)
MOST_YEARS = 10
MOST_DAYS = 1000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LANGUAGE = "en_US"
"""Of names: else they would be in whichever language the process's environment names."""


def spelt_out(value: object) -> object:
    """Return what says which day is meant: a number does not, nor a time of some time zone.

    Raises:
        ValueError: it does not say which.
    """
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("send a day as in 2026-12-25")


def _in_our_time(day: date) -> date:
    if day.year not in YEARS:
        raise ValueError(f"a year from {YEARS.start} to {YEARS.stop - 1} is meant")
    return day


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublicHolidays(_Asked):
    """The public holidays of a country, or of a part of it, in the years from `first_year` to `last_year`."""

    country: str = Field(description="ISO 3166-1, two letters", examples=["AT"])
    subdivision: str | None = Field(
        None, description="the ISO 3166-2 part behind the hyphen; null: the country's alone", examples=["9"]
    )
    first_year: Annotated[int, Field(strict=True, ge=YEARS.start, lt=YEARS.stop, examples=[2026])]
    last_year: Annotated[int, Field(strict=True, ge=YEARS.start, lt=YEARS.stop, examples=[2028])]

    @field_validator("country")
    @classmethod
    def _is_known(cls, country: str) -> str:
        if country not in _subdivisions():
            raise ValueError("no holidays are known of this country (ISO 3166-1, two capital letters)")
        return country

    @field_validator("subdivision")
    @classmethod
    def _is_a_part(cls, part: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")
        if part is not None and country is not None and part not in _subdivisions()[country]:
            known = ", ".join(_subdivisions()[country]) or "none"
            raise ValueError(
                f"there is no such part of {country} with holidays of its own; known are: {known}"
            )
        return part

    @field_validator("last_year")
    @classmethod
    def _is_not_long_after(cls, last: int, info: ValidationInfo) -> int:
        first = info.data.get("first_year")
        if first is not None and not first <= last < first + MOST_YEARS:
            raise ValueError(f"first_year or later is meant, and {MOST_YEARS} years at most together")
        return last


class OwnDay(_Asked):
    """A day of the team's own, with the name that it is shown with."""

    day: Annotated[date, BeforeValidator(spelt_out)] = Field(examples=["2026-12-24"])
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(examples=["we are closed"])

    @field_validator("day")
    @classmethod
    def _is_of_our_time(cls, day: date) -> date:
        return _in_our_time(day)


class Holiday(BaseModel):
    """A day that is not detected on; `own`: the team has added it, or given it this name."""

    model_config = ConfigDict(frozen=True)

    day: date
    name: str = Field(examples=["Christmas Day"])
    own: bool


class Calendar(_Asked):
    """What a team attaches; nothing of either: no day is a holiday."""

    public: PublicHolidays | None = None
    days: Annotated[tuple[OwnDay, ...], Field(max_length=MOST_DAYS)] = ()

    @field_validator("days")
    @classmethod
    def _are_told_apart(cls, days: tuple[OwnDay, ...]) -> tuple[OwnDay, ...]:
        twice = [day for day, times in Counter(each.day for each in days).items() if times > 1]
        if twice:
            raise ValueError(f"a day is named once: {min(twice)} is not")
        return days

    def holidays(self) -> list[Holiday]:
        """Return its days as the library knows them now, rising; of a day of both the team's name counts."""
        own = {each.day: each.name for each in self.days}
        public = {} if self.public is None else dict(_public(self.public))
        named = {**public, **own}
        return [Holiday(day=day, name=named[day], own=day in own) for day in sorted(named)]


def _public(asked: PublicHolidays) -> Iterator[tuple[date, str]]:
    import holidays  # noqa: PLC0415  # a quarter of a second, which only who attaches a calendar should wait

    years = range(asked.first_year, asked.last_year + 1)
    found = holidays.country_holidays(asked.country, subdiv=asked.subdivision, years=years, language=LANGUAGE)
    # A holiday of another year may be observed in the last days of this one, and come with it.
    yield from ((day, name) for day, name in found.items() if day.year in years)


@cache
def _subdivisions() -> Mapping[str, Any]:
    from holidays.utils import list_supported_countries  # noqa: PLC0415  # as above

    return list_supported_countries(include_aliases=False)
