"""Parameters that several routes share."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character is in no text of ours")
    return text


Label = Annotated[str, StringConstraints(max_length=100), AfterValidator(_without_nul)]
Since = Annotated[AwareDatetime, Field(description="from this time on (RFC 3339, with an offset)")]
Until = Annotated[AwareDatetime, Field(description="before this time (RFC 3339, with an offset)")]
