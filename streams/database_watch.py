"""Asks PostgreSQL, every few seconds, whether it is there.

One that refuses connections is noticed by whoever needs it. One that hangs is not: a statement may take a
minute and its cancellation another, before an error says so.
"""

import asyncio
from datetime import timedelta

import asyncpg

from streams.outage import patiently

EVERY_SECONDS = 2.0
ANSWER_SECONDS = 5.0


async def watch_database(url: str, retry_for: timedelta) -> None:
    """Connect and ask, for ever.

    Raises:
        GaveUpError: PostgreSQL did not answer for `retry_for`.
    """
    while True:
        await patiently(lambda: _ask(url), retry_for, "asking whether it is there")
        await asyncio.sleep(EVERY_SECONDS)


async def _ask(url: str) -> None:
    async with asyncio.timeout(ANSWER_SECONDS):
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("SELECT 1")
        finally:
            connection.terminate()  # nothing to wait for: a server that hangs would not answer
