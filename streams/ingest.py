"""The ingest agent: one chunk of one partition, one transaction.

The ledger moves first, then the batches that were counted before fall out, then what is new is folded
and written: partials, dead letters, watermarks. Only after the commit does the worker's memory follow.
How records are read and become cells is the topic's `Format`.
Hours of a month without partitions undo the transaction; it is begun again when the month is there.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic

import asyncpg
from cryptography.fernet import Fernet

from storage import batches, partials, watermarks
from storage.ledger import Connection
from storage.partials import Held, SeriesHour
from streams import dead_letters
from streams.chunks import Chunk
from streams.directory import SnapshotDirectory
from streams.fold import Folded, Refusal
from streams.formats import A, Arrived, Format
from streams.holdings import Holding, Holdings
from streams.months import Months, MonthsMissingError
from streams.outage import patiently
from streams.wire import Reason

log = logging.getLogger(__name__)

CACHED_CELLS = 10_000
"""Partials a partition remembers; more are read back from the database when they are needed again."""
_MAY_BE_NEW = {Reason.UNKNOWN_ORG, Reason.UNKNOWN_PROJECT, Reason.BAD_KEY}


@dataclass(slots=True)
class Tally:
    """What this worker has done since it started."""

    messages: int = 0
    samples: int = 0
    repeats: int = 0
    refused: int = 0
    first_read: float = 0.0
    last_commit: float = 0.0

    def __str__(self) -> str:
        seconds = max(0.0, self.last_commit - self.first_read)
        return (
            f"{self.samples} samples in {self.messages} messages, {self.repeats} repeats dropped,"
            f" {self.refused} refused, in {seconds:.3f} s from the first read to the last commit"
        )


class Ingest(Generic[A]):
    """Turns chunks of messages into partials."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        holdings: Holdings,
        directory: SnapshotDirectory,
        months: Months,
        format_: Format[A],
        seal: Fernet,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pool, self._holdings, self._directory = pool, holdings, directory
        self._months, self._format = months, format_
        self._seal, self._clock = seal, clock
        self.tally = Tally()

    async def take(self, chunk: Chunk, retry_for: timedelta) -> None:
        """Count a chunk, waiting out the database for `retry_for`.

        Raises:
            FencedError: another worker holds the partition.
            GaveUpError: the database stayed away.
        """
        continued = self._holdings.continued(chunk)
        if continued is None:
            return
        holding, chunk = continued
        self.tally.first_read = self.tally.first_read or chunk.fetched_at
        arrivals, refusals = await patiently(
            lambda: self._admit(chunk), retry_for, "reading organisations and projects"
        )
        await patiently(
            lambda: self._counted(holding, chunk, arrivals, refusals), retry_for, "writing partials"
        )

    async def _admit(self, chunk: Chunk) -> tuple[list[A], list[Refusal]]:
        if self._directory.stale():
            await self._directory.refresh(self._pool)
        found = self._format.admit(chunk.records, self._directory)
        if self._directory.taken_at < chunk.fetched_at and any(r.reason in _MAY_BE_NEW for r in found[1]):
            # Made between the snapshot and the message: a new look decides, once a chunk.
            await self._directory.refresh(self._pool)
            found = self._format.admit(chunk.records, self._directory)
        return found

    async def _counted(
        self, holding: Holding, chunk: Chunk, arrivals: list[A], refusals: list[Refusal]
    ) -> None:
        try:
            await self._count(holding, chunk, arrivals, refusals)
        except MonthsMissingError as missing:
            await self._months.make(missing.months)
            await self._count(holding, chunk, arrivals, refusals)

    async def _count(
        self, holding: Holding, chunk: Chunk, arrivals: list[A], refusals: list[Refusal]
    ) -> None:
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                if not await self._holdings.move(connection, holding, chunk.end):
                    return
                new = await _new_only(connection, arrivals)
                folded = await self._format.fold(connection, new, holding.marks, self._clock())
                self._months.need({series.hour for series in folded.cells})
                states = await self._states(connection, holding, folded)
                await self._write(connection, holding, folded, states, refusals)
            self._remember(holding, chunk, folded, states)
            self._say(holding, len(arrivals) - len(new), len(new), folded, refusals)

    async def _states(
        self, connection: Connection, holding: Holding, folded: Folded
    ) -> dict[SeriesHour, Held]:
        missing = folded.cells.keys() - holding.partials.keys()
        loaded = await partials.load(connection, holding.place, missing) if missing else {}
        states = {}
        for series, cell in folded.cells.items():
            before = holding.partials.get(series) or loaded.get(series)
            states[series] = Held(before.cell | cell, before.revision + 1) if before else Held(cell, 1)
        return states

    async def _write(
        self,
        connection: Connection,
        holding: Holding,
        folded: Folded,
        states: dict[SeriesHour, Held],
        refusals: list[Refusal],
    ) -> None:
        place = holding.place
        if states:
            await partials.save(connection, place, states)
        if folded.seen:
            seen = {project: (each.first, each.newest) for project, each in folded.seen.items()}
            await watermarks.advance(connection, place, seen)
        await dead_letters.put(connection, place, [*refusals, *folded.refusals], self._seal)

    def _remember(
        self, holding: Holding, chunk: Chunk, folded: Folded, states: dict[SeriesHour, Held]
    ) -> None:
        if len(holding.partials) + len(states) > CACHED_CELLS:
            holding.partials.clear()
        holding.partials.update(states)
        for project, seen in folded.seen.items():
            holding.marks[project] = max(holding.marks.get(project, 0.0), seen.newest)
        holding.advanced(chunk.end)

    def _say(self, holding: Holding, repeats: int, new: int, folded: Folded, refusals: list[Refusal]) -> None:
        refused = [*refusals, *folded.refusals]
        self.tally.messages += new
        self.tally.last_commit = time.monotonic()
        self.tally.samples += folded.samples
        self.tally.repeats += repeats
        self.tally.refused += sum(len(refusal.indices) or 1 for refusal in refused)
        if refused:
            dead_letters.report(holding.place, refused)
        if repeats:
            log.info("%s[%d]: %d repeats dropped", holding.place.topic, holding.place.partition, repeats)


async def _new_only(connection: Connection, arrivals: list[A]) -> list[A]:
    """Return the arrivals that were not counted before, nor stand twice in this chunk."""
    keyed = [(_batch_key(arrival), arrival) for arrival in arrivals]
    new = await batches.remember(connection, [key for key, _ in keyed if key is not None])
    fresh = []
    for key, arrival in keyed:
        if key is None:
            fresh.append(arrival)
        elif key in new:
            new.discard(key)
            fresh.append(arrival)
    return fresh


def _batch_key(arrival: Arrived) -> batches.BatchKey | None:
    batch_id = arrival.message.batch_id
    return (*arrival.tenant.project, batch_id) if batch_id else None
