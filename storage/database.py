"""Connections: SQLAlchemy for people's requests, a plain asyncpg pool for the worker's bulk writes."""

from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

WORKER_SESSION = {
    # A worker stopped inside a transaction keeps its ledger row locked: the new owner of the partition
    # would wait for as long as it sleeps.
    "idle_in_transaction_session_timeout": "4s",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "timezone": "UTC",
}


def sqlalchemy_url(libpq_url: str) -> str:
    """Return the asyncpg form of a `postgresql://` address."""
    for scheme in ("postgresql://", "postgres://"):
        if libpq_url.startswith(scheme):
            return "postgresql+asyncpg://" + libpq_url.removeprefix(scheme)
    return libpq_url


def engine(url: str, **options: Any) -> AsyncEngine:
    """Return an engine for entities; connections are checked before use, since databases restart."""
    return create_async_engine(sqlalchemy_url(url), pool_pre_ping=True, **options)


async def worker_pool(url: str, *, name: str, size: int = 8) -> asyncpg.Pool:
    """Return the pool of a worker or relay; `name` is what `pg_stat_activity` shows."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        command_timeout=60,
        timeout=5,
        server_settings={**WORKER_SESSION, "application_name": name},
    )
