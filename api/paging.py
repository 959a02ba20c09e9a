"""Pages by key: a cursor holds the key of the last row seen, so that new rows move nothing."""

import base64
import binascii
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from api.parameters import Day, Moment, Text
from storage.reading.pages import Key, Orders, Slice

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
_TYPES: dict[type, Any] = {
    datetime: Moment,
    date: Day,
    str: Text,
    UUID: UUID,
    int: int,
    float: float,
    Decimal: Annotated[Decimal, Field(max_digits=50)],
}

Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="send it as `cursor` for the next page; null: this is the last one", examples=[None]
    )


class Paging(BaseModel):
    """What every list understands; a parameter that is not known is refused, since it would be ignored.

    A list of its own says its `orders`, and as what it is sorted: `Annotated[str, sorts(ORDERS)]`.
    """

    model_config = ConfigDict(extra="forbid")
    orders: ClassVar[Orders] = {}

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="items a page at most")] = DEFAULT_LIMIT
    cursor: Annotated[str | None, Field(max_length=2000, description="`next_cursor` of the page before")] = (
        None
    )
    sort: str

    def part(self) -> Slice:
        """Return which part of the list is asked for.

        Raises:
            RequestValidationError: the cursor is not one that we made for this list in this order.
        """
        key = self.orders[self.sort.removeprefix("-")]
        return Slice(key, self.sort.startswith("-"), self._after(key), self.limit)

    def page(self, rows: Sequence[Any], item: type[Item]) -> dict[str, Any]:
        """Return the page of `rows`, of which one too many says that more follow."""
        shown = rows[: self.limit]
        cursor = self._cursor(shown[-1]) if len(rows) > self.limit else None
        return {"items": [item.model_validate(row) for row in shown], "next_cursor": cursor}

    def _cursor(self, row: Any) -> str:
        key = [getattr(row, column.key) for column in self.orders[self.sort.removeprefix("-")]]
        held = to_json([type(self).__name__, self.sort, *key], inf_nan_mode="strings")
        return base64.urlsafe_b64encode(held).decode().rstrip("=")

    def _after(self, key: Key) -> Sequence[object] | None:
        if self.cursor is None:
            return None
        try:
            text = base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4))
            after: list[object]
            listing, sort, *after = _held(key).validate_json(text)
        except (ValidationError, ValueError, binascii.Error) as error:
            raise _bad_cursor() from error
        if (listing, sort) != (type(self).__name__, self.sort):
            raise _bad_cursor()
        return after


@cache
def _held(key: Key) -> TypeAdapter[Any]:
    shape: Any = tuple
    return TypeAdapter(shape[(str, str, *(_TYPES[column.type.python_type] for column in key))])


def _bad_cursor() -> RequestValidationError:
    message = "this is no `next_cursor` of this list in this order"
    return RequestValidationError([{"loc": ("query", "cursor"), "msg": message, "type": "cursor"}])
