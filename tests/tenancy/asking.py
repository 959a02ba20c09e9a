"""Ways to ask the database something, and to know that it refused."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from storage.database import engine
from storage.tenancy import AnyClaims, TenantSessions
from tests.databases import SECRET, Database

DENIED = "42501"


class Undo(Exception):  # noqa: N818  # no error: what is asked for
    """Ends a transaction that must leave nothing behind."""


@asynccontextmanager
async def asking(database: Database, claims: AnyClaims | None) -> AsyncIterator[AsyncSession]:
    """Yield a session of the API's role with these claims, or with none; undone at the end."""
    async with of_the_api(database) as api, asked(api, claims) as session:
        yield session


@asynccontextmanager
async def of_the_api(database: Database) -> AsyncIterator[AsyncEngine]:
    """Yield an engine of the API's role that keeps one connection."""
    api = engine(database.api_url, pool_size=1)
    try:
        yield api
    finally:
        await api.dispose()


@asynccontextmanager
async def asked(api: AsyncEngine, claims: AnyClaims | None) -> AsyncIterator[AsyncSession]:
    """Yield a session with these claims, or with none; undone at the end."""
    if claims is None:
        async with AsyncSession(api) as session:
            yield session
        return
    with suppress(Undo):
        async with TenantSessions(api, SECRET).open(claims) as session:
            yield session
            raise Undo


@asynccontextmanager
async def temporary_allowed(database: Database) -> AsyncIterator[None]:
    """Give the API's role back what it must not have, to see what then still holds."""
    async with database.superuser() as connection:
        await connection.execute(f"GRANT TEMPORARY ON DATABASE {database.name} TO augentis_api")
        try:
            yield
        finally:
            await connection.execute(f"REVOKE TEMPORARY ON DATABASE {database.name} FROM augentis_api")


@asynccontextmanager
async def posing(
    database: Database, claims: Mapping[str, object], signature: str
) -> AsyncIterator[AsyncSession]:
    """Yield a session that sets claims and signature itself, as injected SQL could."""
    async with asking(database, None) as session:
        await session.execute(
            text(
                "SELECT set_config('request.jwt.claims', :claims, true),"
                " set_config('request.jwt.signature', :signature, true)"
            ),
            {"claims": json.dumps(claims), "signature": signature},
        )
        yield session


def fields(claims: AnyClaims) -> dict[str, object]:
    found: dict[str, object] = json.loads(claims.text(time.time() + 60))
    return found


async def rows(session: AsyncSession, query: str, **parameters: Any) -> list[Any]:
    return [tuple(row) for row in await session.execute(text(query), parameters)]


async def changed(session: AsyncSession, statement: str, **parameters: Any) -> int:
    """Return how many rows the statement touched; -1: it was refused."""
    try:
        async with session.begin_nested():
            result: Any = await session.execute(text(statement), parameters)
            return int(result.rowcount)
    except DBAPIError as error:
        if sqlstate(error) != DENIED:
            raise
        return -1


def sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
