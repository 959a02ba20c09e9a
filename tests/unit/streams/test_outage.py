import time
from datetime import timedelta

import asyncpg
import pytest

from streams.errors import GaveUpError
from streams.outage import PASSING, patiently

SOON = timedelta(seconds=0.3)


@pytest.mark.parametrize(
    "error",
    [
        OSError("reset"),
        TimeoutError(),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.InterfaceError("closed"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.AdminShutdownError("stopping"),
    ],
)
async def test_what_passes_is_waited_out(error: Exception, caplog: pytest.LogCaptureFixture):
    left = [error, error]

    async def work() -> str:
        if left:
            raise left.pop()
        return "done"

    assert await patiently(work, timedelta(seconds=10), "writing") == "done"
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert all(text.startswith("PostgreSQL: writing failed, attempt ") for text in said)


async def test_patience_is_bounded_and_says_what_and_why():
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        raise ConnectionRefusedError("nobody listens")

    began = time.monotonic()
    with pytest.raises(GaveUpError, match=r"PostgreSQL: writing failed .*nobody listens") as gave_up:
        await patiently(work, SOON, "writing")
    assert 0.2 < time.monotonic() - began < 5
    assert attempts > 1
    assert gave_up.value.exit_code == 75
    assert isinstance(gave_up.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("error", [ValueError("poison"), asyncpg.UniqueViolationError("twice")])
async def test_a_fault_is_not_an_outage(error: Exception):
    assert not isinstance(error, PASSING)
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        raise error

    with pytest.raises(type(error)):
        await patiently(work, SOON, "writing")
    assert attempts == 1
