"""What bodies have in common: of what we send, and of what we are sent."""

import math
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Finite = Annotated[float | None, BeforeValidator(_finite)]
"""A number; null where it is infinite, for which JSON has no word."""

Exact = Annotated[Decimal, PlainSerializer(lambda number: f"{number:f}", return_type=str)]
"""A number of which no digit is lost, as text; never with an exponent, as in 0E-12."""

Description = Annotated[str, StringConstraints(max_length=5000)]


class Sent(BaseModel):
    """Something of ours, as it is sent."""

    model_config = ConfigDict(from_attributes=True)


class Versioned(Sent):
    """A row that people change; its ETag is its version in quotes."""


class Asked(BaseModel):
    """What a request sends: a field that is not known is refused, since it would be ignored."""

    model_config = ConfigDict(extra="forbid")


class Change(Asked):
    """What a PATCH sends: at least one field; a field left out stays as it is.

    Fields are declared as `name: Name = LEFT_OUT`.
    """

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return self.model_dump(exclude_unset=True)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


LEFT_OUT: Any = Field(default=None, json_schema_extra=_without_default)
"""The field may be left out. The default is never looked at, and no value that a caller could send."""
