"""Connections: SQLAlchemy for people's requests, a plain asyncpg pool for the worker's bulk writes."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, DisconnectionError, EmulatedDBAPIException
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from storage.errors import DatabaseUnreachableError

CONNECT_SECONDS = 10
TRUSTED_SECONDS = 30.0
"""For so long after its last use a connection is taken to stand unless PostgreSQL has closed it."""
_USED = "augentis.used"
WORKER_SESSION = {
    # A worker stopped inside a transaction keeps its ledger row locked: the new owner of the partition
    # would wait for as long as it sleeps.
    "idle_in_transaction_session_timeout": "4s",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "timezone": "UTC",
}
API_SESSION = {
    # A caller who sends slowly, or goes away, keeps neither a connection nor a lock.
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "10s",
    "statement_timeout": "30s",
}
AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
"""What asyncpg raises while PostgreSQL is away, starting or stopping (a TimeoutError is an OSError)."""
REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.exceptions.ClientConfigurationError,
)


def engine(url: str, *, session: Mapping[str, str] | None = None, **options: Any) -> AsyncEngine:
    """Return an engine for entities; connections are checked before use, since databases restart.

    `url` is libpq's form, read by asyncpg itself: sockets, several hosts and sslmode work as they do there.
    `session` are server settings.
    """
    settings = {"timezone": "UTC", **(session or {})}

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS, server_settings=settings)

    # Errors are logged: what was sent (content, claims with their signature) must not be.
    made = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, hide_parameters=True, **options
    )
    event.listen(made.sync_engine, "checkin", _note_use)
    event.listen(made.sync_engine, "checkout", _see_that_it_stands)
    return made


def _note_use(_: Any, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _see_that_it_stands(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """Have the pool replace a connection that is gone.

    asyncpg knows when the server has closed it. Whether the way there still stands is asked only after a
    while without use: it takes three turns to the server, as long as the page that is asked for.
    """
    opened: Any = record.driver_connection
    now = time.monotonic()
    idle = now - record.info.get(_USED, now)
    if opened.is_closed() or (idle > TRUSTED_SECONDS and not _answers(connection)):
        raise DisconnectionError("the connection to PostgreSQL is gone")


def _answers(connection: Any) -> bool:
    try:
        connection.ping()
    except (EmulatedDBAPIException, *AWAY):
        return False
    return True


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield one plain connection, for the operator's commands.

    Raises:
        DatabaseUnreachableError: nothing answers at the address, or the login or database is not there.
    """
    with told_apart(url):
        opened = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    try:
        yield opened
    finally:
        await opened.close()


@contextmanager
def told_apart(url: str) -> Iterator[None]:
    """Turn a driver's errors of connecting into one that names the address, without its password."""
    try:
        yield
    except (*AWAY, *REFUSED, DBAPIError) as error:
        cause = _driver_error(error)
        if not isinstance(cause, (*AWAY, *REFUSED)):
            raise
        does = "refuses" if isinstance(cause, REFUSED) else "does not answer"
        raise DatabaseUnreachableError(
            f"PostgreSQL at {_address(url)} {does}: {str(cause) or type(cause).__name__}"
        ) from error


def is_away(error: BaseException) -> bool:
    """Tell whether PostgreSQL is away, starting or stopping: an outage, and no fault of what was asked."""
    return isinstance(_driver_error(error), AWAY)


def _driver_error(error: BaseException | None) -> BaseException | None:
    """Return what asyncpg raised, from under SQLAlchemy's wrappings."""
    while isinstance(error, DBAPIError | EmulatedDBAPIException):
        error = error.orig if isinstance(error, DBAPIError) else error.__cause__
    return error


class Refusal(NamedTuple):
    """What PostgreSQL refused: its SQLSTATE, the constraint that was broken ('' if none), its message."""

    sqlstate: str
    constraint: str
    message: str


def refusal(error: DBAPIError) -> Refusal | None:
    """Return what PostgreSQL refused; None where the driver never asked it."""
    cause = _driver_error(error)
    if not isinstance(cause, asyncpg.PostgresError) or cause.sqlstate is None:
        return None
    return Refusal(cause.sqlstate, cause.constraint_name or "", cause.message or "")


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2] or parts.query}{parts.path}"


async def worker_pool(
    url: str, *, name: str, size: int = 8, session: Mapping[str, str] | None = None
) -> asyncpg.Pool:
    """Return the pool of a worker or relay; `name` is what `pg_stat_activity` shows.

    `session` changes server settings of `WORKER_SESSION`.
    """
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        command_timeout=60,
        timeout=5,
        server_settings={**WORKER_SESSION, **(session or {}), "application_name": name},
    )
