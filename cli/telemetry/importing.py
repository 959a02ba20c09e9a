"""Hourly rows from a file into the database: bounded transactions, each whole or not at all."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from cli.exits import CommandError
from cli.publishing.messages import RefusedLineError
from cli.publishing.run import Refusals
from cli.publishing.source import Source, open_source
from cli.telemetry.reading import Format, Line, rows
from metrics.cell import Cell
from settings import Settings
from storage import database, imports, ledger, partitions
from storage.ledger import Connection
from storage.partials import SeriesHour
from storage.partitions import month_of
from storage.series import name_of
from streams.event_time import kept_from
from streams.hourly import Times, cell
from streams.wire import Reason, Refused

ROWS_A_TRANSACTION = 2000


class Job(NamedTuple):
    """What is imported, and whose it is."""

    path: str
    format: Format
    org_id: UUID
    project_id: UUID
    dry_run: bool


@dataclass
class Tally:
    """Rows so far; `unchanged` were imported before. Bytes for the progress."""

    read: int = 0
    written: int = 0
    unchanged: int = 0
    bytes: int = 0
    size: int | None = field(default=None)

    def heard(self, count: int) -> None:
        """Count bytes that were read."""
        self.bytes += count


async def run(job: Job, settings: Settings, tally: Tally, refusals: Refusals) -> None:
    """Import all of `job`, counting in `tally` as it goes.

    Raises:
        CommandError: the file cannot be read, or there is no such project.
        DatabaseUnreachableError: PostgreSQL does not answer.
    """
    source = open_source(job.path, lambda: None)
    tally.size = source.size
    try:
        async with database.connection(settings.need("database_url_worker")) as connection:
            await _Import(job, settings, connection, tally, refusals).run(source)
    finally:
        os.close(source.fd)


class _Import:
    def __init__(
        self, job: Job, settings: Settings, connection: Connection, tally: Tally, refusals: Refusals
    ) -> None:
        self._job, self._settings, self._connection = job, settings, connection
        self._tally, self._refusals = tally, refusals
        self._months: set[date] = set()
        self._seen: dict[int, int] = {}

    async def run(self, source: Source) -> None:
        job, connection = self._job, self._connection
        if not await imports.has_project(connection, job.org_id, job.project_id):
            raise CommandError(
                f"organisation {job.org_id} has no project {job.project_id}, or it is archived"
            )
        now = (await ledger.now(connection)).timestamp()
        times = Times(kept_from(now, _seconds(self._settings.retention)), now)
        self._months = await partitions.made(connection)
        for part in _parts(self._rows(source, times)):
            await self._write({where: found for _, where, found in part}, {w: n for n, w, _ in part})

    def _rows(self, source: Source, times: Times) -> Iterator[tuple[int, SeriesHour, Cell]]:
        for line in rows(source, self._job.format, self._tally.heard):
            self._tally.read += 1
            try:
                yield (line.number, *self._checked(line, times))
            except Refused as refused:
                self._refuse(line.number, refused)

    def _checked(self, line: Line, times: Times) -> tuple[SeriesHour, Cell]:
        if isinstance(line.content, Refused):
            raise line.content
        where, found = cell(line.content, (self._job.org_id, self._job.project_id), times)
        # A number instead of the key: years of rows would take gigabytes of keys.
        first = self._seen.setdefault(hash(where), line.number)
        if first != line.number:
            raise Refused(Reason.BAD_SCHEMA, f"line {first} is about the same hour and series")
        return where, found

    def _refuse(self, number: int, refused: Refused) -> None:
        detail = str(refused).removeprefix(f"{refused.reason}: ")
        self._refusals.add(number, RefusedLineError(str(refused.reason), detail))

    async def _write(self, cells: dict[SeriesHour, Cell], numbers: dict[SeriesHour, int]) -> None:
        if self._job.dry_run:
            new = len(await imports.changed(self._connection, cells))
            self._tally.written += new
            self._tally.unchanged += len(cells) - new
            return
        missing = {month_of(where.hour) for where in cells} - self._months
        if missing:
            await partitions.make(self._connection, missing)
            self._months |= missing
        async with self._connection.transaction():
            done = await imports.write(self._connection, cells, self._settings.max_series)
        self._tally.written += done.written
        self._tally.unchanged += done.unchanged
        for where, number in numbers.items():
            if name_of(where) in done.beyond:
                self._refuse(number, Refused(Reason.TOO_MANY_SERIES, "the project has as many as it may"))


def _parts(
    found: Iterator[tuple[int, SeriesHour, Cell]],
) -> Iterator[list[tuple[int, SeriesHour, Cell]]]:
    part: list[tuple[int, SeriesHour, Cell]] = []
    for each in found:
        part.append(each)
        if len(part) >= ROWS_A_TRANSACTION:
            yield part
            part = []
    if part:
        yield part


def _seconds(span: timedelta | None) -> float | None:
    return span.total_seconds() if span is not None else None
