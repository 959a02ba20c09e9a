from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

Row = TypeVar("Row")
Key = tuple[InstrumentedAttribute[Any], ...]


async def page(
    session: AsyncSession, query: Select[Row], key: Key, after: Sequence[object] | None, limit: int
) -> list[Row]:
    """Return `limit` + 1 rows below `after` at most, in falling order of `key`; the last says: more follow.

    `key` must tell rows apart: pages by key neither skip nor repeat while rows are added.
    """
    if after is not None:
        query = query.where(tuple_(*key) < tuple_(*after))
    query = query.order_by(*(column.desc() for column in key)).limit(limit + 1)
    return list((await session.scalars(query)).all())
