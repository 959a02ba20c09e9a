from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import KeyedColumnElement

Entity = TypeVar("Entity")
Key = tuple[InstrumentedAttribute[Any] | KeyedColumnElement[Any], ...]
Orders = Mapping[str, Key]
"""The orders of a list, by the name of what it is sorted by; the columns of each tell rows apart."""


@dataclass(frozen=True)
class Slice:
    """Which part of a list: `limit` rows beyond `after`, in the order of `key`, falling or rising."""

    key: Key
    falling: bool
    after: Sequence[object] | None
    limit: int


async def page(session: AsyncSession, query: Select[Entity], part: Slice) -> list[Entity]:
    """Return `limit` + 1 entities at most; the last says: more follow.

    Pages by key neither skip nor repeat while rows are added.
    """
    return list((await session.scalars(_sliced(query, part))).all())


async def page_of(session: AsyncSession, query: Select[Any], part: Slice) -> Sequence[Row[Any]]:
    """Return the same of a query for columns: rows that are only read need not be made entities first."""
    rows: Sequence[Row[Any]] = (await session.execute(_sliced(query, part))).all()
    return rows


def _sliced(query: Select[Entity], part: Slice) -> Select[Entity]:
    if part.after is not None:
        place, last = tuple_(*part.key), tuple_(*part.after)
        query = query.where(place < last if part.falling else place > last)
    order = (column.desc() if part.falling else column.asc() for column in part.key)
    return query.order_by(*order).limit(part.limit + 1)
