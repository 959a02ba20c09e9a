"""The API's pool: a connection that is gone is replaced before anybody is told; one in use is not asked."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection

from storage import database as databases
from tests.databases import Database


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """A line for each time that a connection is asked; False where it did not answer."""
    asked: list[bool] = []
    real: Any = AsyncAdapt_asyncpg_connection.ping

    def ping(self: Any) -> None:
        asked.append(False)
        real(self)
        asked[-1] = True

    monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "ping", ping)
    return asked


async def test_a_connection_that_was_closed_meanwhile_is_replaced(database: Database, pings: list[bool]):
    api = databases.engine(database.api_url, pool_size=1)
    try:
        async with api.connect() as connection:
            backend = await connection.scalar(text("SELECT pg_backend_pid()"))
        async with database.superuser() as mighty:
            await mighty.execute("SELECT pg_terminate_backend($1, 5000)", backend)
        async with api.connect() as connection:
            assert await connection.scalar(text("SELECT pg_backend_pid()")) != backend
    finally:
        await api.dispose()
    assert pings == []


@pytest.mark.parametrize("way_stands", [True, False])
async def test_after_a_while_without_use_it_is_asked(
    database: Database, pings: list[bool], monkeypatch: pytest.MonkeyPatch, *, way_stands: bool
):
    api = databases.engine(database.api_url, pool_size=1)
    try:
        async with api.connect() as connection:
            backend = await connection.scalar(text("SELECT pg_backend_pid()"))
        monkeypatch.setattr(databases, "TRUSTED_SECONDS", 0.0)
        if not way_stands:
            # As where a router forgot the connection: nobody told asyncpg, and nothing comes back.
            async def silent(_: Any) -> None:
                raise ConnectionResetError("no answer")

            monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "_async_ping", silent)
        async with api.connect() as connection:
            again = await connection.scalar(text("SELECT pg_backend_pid()"))
    finally:
        await api.dispose()
    assert pings == [way_stands]
    assert (again == backend) is way_stands
