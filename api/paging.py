"""Pages by key: a cursor holds the key of the last row seen, so that new rows move nothing."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

MAX_LIMIT = 200
DEFAULT_LIMIT = 50

Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """A page of a list, newest first."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="send it as `cursor` for the next page; null: this is the last one", examples=[None]
    )


class Paging(BaseModel):
    """What every list understands; a parameter that is not known is refused, since it would be ignored."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="items a page at most")] = DEFAULT_LIMIT
    cursor: Annotated[str | None, Field(max_length=2000, description="`next_cursor` of the page before")] = (
        None
    )

    def after(self, key: TypeAdapter[Any]) -> Sequence[object] | None:
        """Return the key that the cursor holds.

        Raises:
            RequestValidationError: it is not one that we made for this list.
        """
        if self.cursor is None:
            return None
        try:
            text = base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4))
            held: Sequence[object] = key.validate_json(text)
        except (ValidationError, ValueError, binascii.Error) as error:
            raise RequestValidationError(
                [
                    {
                        "loc": ("query", "cursor"),
                        "msg": "this is no `next_cursor` of this list",
                        "type": "cursor",
                    }
                ]
            ) from error
        return held


def cut(
    rows: Sequence[Any], limit: int, key: Callable[[Any], Sequence[object]], item: type[Item]
) -> dict[str, Any]:
    """Return the page of `rows`, of which one too many says that more follow."""
    shown = rows[:limit]
    cursor = _cursor(key(shown[-1])) if len(rows) > limit else None
    return {"items": [item.model_validate(row) for row in shown], "next_cursor": cursor}


def _cursor(values: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(to_json(list(values))).decode().rstrip("=")
