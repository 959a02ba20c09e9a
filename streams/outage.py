"""Patience: an outage of PostgreSQL is waited out for a bounded time, said, and never called poison."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import asyncpg
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    RetryError,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from storage.database import AWAY
from streams import figures
from streams.errors import GaveUpError

log = logging.getLogger(__name__)
Result = TypeVar("Result")

PASSING = (
    *AWAY,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg makes of a server that dies in the middle of an answer
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.DiskFullError,
)
"""Errors that pass: the same statement may succeed later."""


async def patiently(work: Callable[[], Awaitable[Result]], limit: timedelta, what: str) -> Result:
    """Run `work` until it succeeds; errors in `PASSING` are retried with jitter for `limit`.

    Raises:
        GaveUpError: PostgreSQL stayed away.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(PASSING),
        stop=stop_after_delay(limit),
        wait=wait_random_exponential(multiplier=0.1, max=3),
        before_sleep=lambda state: _say(state, what),
    )
    try:
        async for attempt in retrying:
            with attempt:
                return await work()
    except RetryError as error:
        cause = error.last_attempt.exception()
        raise GaveUpError(f"PostgreSQL: {what} failed for {limit}: {cause!r}") from cause
    raise AssertionError("retrying ends by return or RetryError")


def _say(state: RetryCallState, what: str) -> None:
    error = state.outcome.exception() if state.outcome else None
    figures.RETRIES.labels(what).inc()
    log.warning(
        "PostgreSQL: %s failed, attempt %d, trying again for %.0f s so far: %r",
        what,
        state.attempt_number,
        state.seconds_since_start or 0,
        error,
    )
