"""When ingest keys were last used: noted soon after a use, at most once a minute a key, beside ingest.

A key may be used in every message of every worker. What a message costs is its place in a set; what the
database costs is one statement for all keys that are due, and none while none is.
"""

import time
from collections.abc import Callable
from uuid import UUID

import asyncpg

from storage import directory

AGAIN = 61.0
"""Seconds; more than the database's minute, or a look that comes a little early would wait for two."""


class KeyUses:
    """The keys that this worker has seen; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: set[UUID] = set()
        self._noted: dict[UUID, float] = {}

    def saw(self, key_id: UUID) -> None:
        """Remember a use."""
        self._seen.add(key_id)

    async def note(self, pool: asyncpg.Pool) -> None:
        """Note in the database the keys that were seen since the last call, unless that was just done."""
        now = self._clock()
        self._noted = {key: at for key, at in self._noted.items() if now - at < AGAIN}
        due = self._seen - self._noted.keys()
        if due:
            async with pool.acquire() as connection:
                await directory.note_use(connection, due)
            self._noted.update(dict.fromkeys(due, now))
        self._seen -= due | self._noted.keys()
