"""The ingest agent: one chunk of one partition, one transaction.

The ledger moves first, then what is over a key's quota is parked, then the batches that were counted before
fall out, then what is new is folded and written: partials, dead letters, watermarks. Only after the commit
does the worker's memory follow. How records are read and become cells is the topic's `Format`.
Hours of a month without partitions undo the transaction, and so do series beyond a project's cap; it is
begun again when the month is there, and without those series.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic

import asyncpg
from cryptography.fernet import Fernet

from storage import batches, outbox, partials, watermarks
from storage.ledger import Connection
from storage.outbox import Letter
from storage.partials import Held, SeriesHour
from storage.series import SeriesName
from streams import caps, dead_letters, figures
from streams.caps import TooManySeriesError
from streams.chunks import Chunk
from streams.directory import SnapshotDirectory
from streams.fold import Folded, Refusal
from streams.formats import A, Arrived, Format
from streams.holdings import Holding, Holdings
from streams.months import Months, MonthsMissingError
from streams.outage import patiently
from streams.parking import Gate
from streams.wire import Reason

log = logging.getLogger(__name__)

_MAY_BE_NEW = {Reason.UNKNOWN_ORG, Reason.UNKNOWN_PROJECT, Reason.BAD_KEY}


@dataclass(slots=True)
class Tally:
    """What this worker has done since it started."""

    messages: int = 0
    samples: int = 0
    repeats: int = 0
    refused: int = 0
    parked: int = 0
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
        gate: Gate,
        most_series: int,
        seal: Fernet,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pool, self._holdings, self._directory = pool, holdings, directory
        self._months, self._format = months, format_
        self._gate, self._most_series = gate, most_series
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
        await self._format.refresh(self._pool)
        found = self._format.admit(chunk.records, self._directory)
        if self._directory.taken_at < chunk.fetched_at and any(r.reason in _MAY_BE_NEW for r in found[1]):
            # Made between the snapshot and the message: a new look decides, once a chunk.
            await self._directory.refresh(self._pool)
            found = self._format.admit(chunk.records, self._directory)
        return found

    async def _counted(
        self, holding: Holding, chunk: Chunk, arrivals: list[A], refusals: list[Refusal]
    ) -> None:
        barred = set(holding.series.barred())
        while True:
            try:
                return await self._count(holding, chunk, arrivals, refusals, barred)
            except MonthsMissingError as missing:
                await self._months.make(missing.months)
            except TooManySeriesError as beyond:
                if beyond.barred <= barred:
                    raise  # a format that counts what it was told to leave out: it would never end
                barred |= beyond.barred
                holding.series.bar(beyond.barred)

    async def _count(
        self,
        holding: Holding,
        chunk: Chunk,
        arrivals: list[A],
        refusals: list[Refusal],
        barred: Collection[SeriesName],
    ) -> None:
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                if not await self._holdings.move(connection, holding, chunk):
                    return
                paid = await self._gate.let_in(connection, arrivals)
                new = await _new_only(connection, paid.arrivals)
                folded = await self._format.fold(connection, new, holding.marks, self._clock(), barred)
                # At once: another partition's lane may have this one's memory cut while we wait.
                known = {
                    series: holding.partials[series] for series in folded.cells.keys() & holding.partials
                }
                # In the order of the samples, in which series take the room that is left.
                missing = [series for series in folded.cells if series not in known]
                await caps.make_room(connection, holding.series, missing, self._most_series)
                self._months.need({series.hour for series in folded.cells})
                known |= await partials.load(connection, holding.place, missing) if missing else {}
                states = _states(folded, known)
                refused = [*refusals, *paid.refusals, *folded.refusals]
                await self._write(connection, holding, folded, states, refused)
                await outbox.put(connection, paid.parked)
            self._remember(holding, chunk, folded, states)
            holding.series.count(missing)
            self._tell(holding, paid.parked)
            self._say(holding, len(paid.arrivals) - len(new), len(new), folded, refused)

    async def _write(
        self,
        connection: Connection,
        holding: Holding,
        folded: Folded,
        states: dict[SeriesHour, Held],
        refused: list[Refusal],
    ) -> None:
        place = holding.place
        if states:
            await partials.save(connection, place, states)
        if folded.seen:
            seen = {project: (each.first, each.newest) for project, each in folded.seen.items()}
            await watermarks.advance(connection, place, seen)
        await dead_letters.put(connection, place, refused, self._seal)

    def _remember(
        self, holding: Holding, chunk: Chunk, folded: Folded, states: dict[SeriesHour, Held]
    ) -> None:
        self._holdings.remember(holding, states)
        for project, seen in folded.seen.items():
            holding.marks[project] = max(holding.marks.get(project, 0.0), seen.newest)
        holding.advanced(chunk.end)

    def _tell(self, holding: Holding, parked: Sequence[Letter]) -> None:
        self.tally.parked += len(parked)
        figures.PARKED.labels(holding.place.topic).inc(len(parked))
        if parked:
            place = holding.place
            log.info("%s[%d]: %d messages over a quota are parked", place.topic, place.partition, len(parked))

    def _say(self, holding: Holding, repeats: int, new: int, folded: Folded, refused: list[Refusal]) -> None:
        topic = holding.place.topic
        for figure, amount in (
            (figures.TRANSACTIONS, 1),
            (figures.MESSAGES, new),
            (figures.SAMPLES, folded.samples),
            (figures.IGNORED, folded.ignored),
            (figures.REPEATS, repeats),
        ):
            figure.labels(topic).inc(amount)
        self.tally.messages += new
        self.tally.last_commit = time.monotonic()
        self.tally.samples += folded.samples
        self.tally.repeats += repeats
        self.tally.refused += sum(len(refusal.indices) or 1 for refusal in refused)
        if refused:
            dead_letters.report(holding.place, refused)
        if repeats:
            log.info("%s[%d]: %d repeats dropped", holding.place.topic, holding.place.partition, repeats)


def _states(folded: Folded, known: Mapping[SeriesHour, Held]) -> dict[SeriesHour, Held]:
    states = {}
    for series, cell in folded.cells.items():
        before = known.get(series)
        states[series] = Held(before.cell | cell, before.revision + 1) if before else Held(cell, 1)
    return states


async def _new_only(connection: Connection, arrivals: Sequence[A]) -> Sequence[A]:
    """Return the arrivals that were not counted before, nor stand twice in this chunk."""
    named = [arrival for arrival in arrivals if arrival.batch_id is not None]
    if not named:
        return arrivals
    new = await batches.remember(connection, [_batch_key(arrival) for arrival in named])
    fresh = []
    for arrival in arrivals:
        if arrival.batch_id is None:
            fresh.append(arrival)
        elif (key := _batch_key(arrival)) in new:
            new.discard(key)
            fresh.append(arrival)
    return fresh


def _batch_key(arrival: Arrived) -> batches.BatchKey:
    assert arrival.batch_id is not None  # noqa: S101  # the caller has looked
    return (*arrival.tenant.project, arrival.batch_id)
