"""Hears what PostgreSQL notifies, and goes on looking now and then: a notice can be missed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import NoReturn

import asyncpg

from streams.outage import patiently

LOOK_EVERY = 0.5


async def listen(pool: asyncpg.Pool, news: Mapping[str, asyncio.Event], retry_for: timedelta) -> NoReturn:
    """Set the event of a channel of NOTIFY when something comes there; on one connection, for ever.

    Raises:
        GaveUpError: PostgreSQL stayed away.
    """

    def hear(_: object, __: object, channel: str, ___: object) -> None:
        news[channel].set()

    async def hear_all() -> None:
        async with pool.acquire() as connection:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _: lost.set())
            try:
                for channel in news:
                    await connection.add_listener(channel, hear)
                await lost.wait()
            finally:
                # Of a connection that is lost nothing is removed: an error here would pass for an outage
                # that has lasted as long as the listening.
                if not lost.is_set():
                    for channel in news:
                        await connection.remove_listener(channel, hear)

    while True:
        await patiently(hear_all, retry_for, "listening")
        await asyncio.sleep(LOOK_EVERY)


async def pause(news: asyncio.Event) -> None:
    """Wait for news, and no longer than until it is time to look."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_EVERY):
            await news.wait()


async def repeat(
    work: Callable[[], Awaitable[int]], news: asyncio.Event, retry_for: timedelta, what: str
) -> NoReturn:
    """Do the work as long as there is more of it, then wait for news; for ever.

    Raises:
        GaveUpError: PostgreSQL stayed away.
    """
    while True:
        news.clear()
        while await patiently(work, retry_for, what):
            pass
        await pause(news)
