"""What a POST was answered, kept in the transaction of what it did."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import IdempotencyKey
from storage.tenancy import Claims


@dataclass(frozen=True)
class Earlier:
    """The request that a key was first used for, and its sealed answer."""

    request_sha256: bytes
    status: int
    sealed: bytes


async def begin(session: AsyncSession, claims: Claims, key: str, request_sha256: bytes) -> Earlier | None:
    """Take the key for this request; or return what it was taken for.

    While the first request of a key runs, others of the same key wait here: for its answer, or, where it
    failed, to take its place.
    """
    row = insert(IdempotencyKey).values(
        org_id=claims.org_id, actor_id=claims.user_id, key=key, request_sha256=request_sha256
    )
    taken = row.on_conflict_do_nothing().returning(IdempotencyKey.key)
    if (await session.scalars(taken)).one_or_none() is not None:
        return None
    columns = (IdempotencyKey.request_sha256, IdempotencyKey.status, IdempotencyKey.sealed)
    found = (await session.execute(select(*columns).where(*_named(claims, key)))).one()
    return Earlier(found.request_sha256, found.status, found.sealed)


async def finish(session: AsyncSession, claims: Claims, key: str, status: int, sealed: bytes) -> None:
    """Keep the answer for as long as the key."""
    await session.execute(
        update(IdempotencyKey)
        .where(*_named(claims, key))
        .values(status=status, sealed=sealed)
        .execution_options(synchronize_session=False)
    )


def _named(claims: Claims, key: str) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyKey.org_id == claims.org_id,
        IdempotencyKey.actor_id == claims.user_id,
        IdempotencyKey.key == key,
    )
