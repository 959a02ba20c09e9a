"""Parameters that several routes share."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

_YEARS = range(1900, 9000)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character is in no text of ours")
    return text


def _within_reason(moment: datetime) -> datetime:
    if moment.year not in _YEARS:
        raise ValueError(f"a year from {_YEARS.start} to {_YEARS.stop - 1} is meant")
    return moment


Text = Annotated[str, AfterValidator(_without_nul)]
Label = Annotated[str, StringConstraints(max_length=100), AfterValidator(_without_nul)]
Moment = Annotated[AwareDatetime, AfterValidator(_within_reason)]
Since = Annotated[Moment, Field(description="from this time on (RFC 3339, with an offset)")]
Until = Annotated[Moment, Field(description="before this time (RFC 3339, with an offset)")]
