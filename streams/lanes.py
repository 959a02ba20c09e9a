"""Lanes: chunks of one partition one after the other, those of several at the same time.

While one partition's transaction waits for the database, another's chunk is decoded and folded.
"""

import asyncio
from collections.abc import Awaitable, Callable

from faust.types import TP

from streams.chunks import Chunk

AT_ONCE = 2
"""Chunks in work: more would only take memory, since there is one interpreter to decode them."""


class Lanes:
    """A queue and a task for each partition."""

    def __init__(self, take: Callable[[Chunk], Awaitable[None]]) -> None:
        self._take = take
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._lanes: dict[TP, tuple[asyncio.Queue[Chunk], asyncio.Task[None]]] = {}

    async def put(self, chunk: Chunk) -> None:
        """Queue a chunk behind those of its partition; waits while another is queued there."""
        if chunk.tp not in self._lanes:
            queue: asyncio.Queue[Chunk] = asyncio.Queue(maxsize=1)
            self._lanes[chunk.tp] = (queue, asyncio.create_task(self._drain(queue)))
        await self._lanes[chunk.tp][0].put(chunk)

    async def _drain(self, queue: asyncio.Queue[Chunk]) -> None:
        while True:
            chunk = await queue.get()
            async with self._slots:
                await self._take(chunk)
