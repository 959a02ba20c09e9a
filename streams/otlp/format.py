"""OTLP metrics as a format of the ingest agent: `otlp_proto` and `otlp_json` (docs/otlp.md)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from storage import otlp
from storage.ledger import Connection
from storage.series import SeriesName
from storage.watermarks import ProjectKey
from streams.event_time import kept_from
from streams.fold import Directory, Folded, Limits, Record, Refusal, Seen, Tenant
from streams.otlp.decoding import decode
from streams.otlp.folding import Cumulative, Sums
from streams.otlp.mappings import Mappings
from streams.otlp.points import NANOSECONDS, Judge, Point, Routes, Span, stream_name
from streams.otlp.readings import FaultyError
from streams.otlp.requests import ORG, PROJECT, Export, Stream
from streams.stamps import batch_of
from streams.wire import Reason, Refused

FORGOTTEN_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class ExportArrival:
    """What a record holds of one tenant."""

    record: Any
    message: Export
    tenant: Tenant

    @property
    def batch_id(self) -> UUID | None:
        """Return what its resends are known by."""
        return self.message.batch_id

    @property
    def sample_count(self) -> int:
        """Return how many points there are."""
        return self.message.sample_count


class Otlp:
    """Counts OTLP exports by each project's mapping."""

    def __init__(self, limits: Limits, mappings: Mappings) -> None:
        self._limits, self._mappings, self._routes = limits, mappings, Routes()

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """Look at the mappings again, if it is time to."""
        if self._mappings.stale():
            await self._mappings.refresh(pool)

    def admit(
        self, records: Sequence[Record], directory: Directory
    ) -> tuple[list[ExportArrival], list[Refusal]]:
        """Decode `records`; where resources of one say they are of several tenants, each is theirs."""
        arrivals: list[ExportArrival] = []
        refusals: list[Refusal] = []
        for record in records:
            try:
                streams = decode(record.value or b"", self._limits.max_bytes)
            except Refused as refused:
                refusals.append(Refusal(record, refused.reason))
                continue
            _share_out(record, streams, directory, arrivals, refusals)
        return arrivals, refusals

    async def fold(
        self,
        connection: Connection,
        arrivals: Sequence[ExportArrival],
        marks: MappingOf[ProjectKey, float],
        now: float,
        barred: Collection[SeriesName],
    ) -> Folded:
        """Add up delta points and gauges, and difference the rest against what is kept of their series."""
        folded, sums, cumulative = Folded(), Sums(), Cumulative(self._limits.lateness or 0.0)
        for arrival in arrivals:
            judge = self._judge(arrival, marks, now, barred)
            _sort(arrival, judge, folded, sums, cumulative)
        spans = cumulative.spans()
        if spans:
            points = cumulative.difference(await otlp.take(connection, spans), sums)
            if points:
                await otlp.save(connection, points)
        folded.cells = sums.cells()
        return folded

    def _judge(
        self,
        arrival: ExportArrival,
        marks: MappingOf[ProjectKey, float],
        now: float,
        barred: Collection[SeriesName],
    ) -> Judge:
        project, limits = arrival.tenant.project, self._limits
        oldest = kept_from(now, limits.retention)
        if limits.lateness is not None:
            oldest = max(oldest, marks.get(project, 0.0) - limits.lateness)
        latest = min(now, arrival.record.timestamp / 1000) + limits.future_tolerance
        span = Span(int(oldest * NANOSECONDS), int(latest * NANOSECONDS))
        return Judge(self._routes, project, self._mappings.of(project), span, barred)


async def forget(pool: asyncpg.Pool, lateness: timedelta) -> None:
    """Forget points that no point can follow any more."""
    async with pool.acquire() as connection:
        while await otlp.forget(connection, lateness, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE:
            pass


def _share_out(
    record: Record,
    streams: Sequence[Stream],
    directory: Directory,
    arrivals: list[ExportArrival],
    refusals: list[Refusal],
) -> None:
    """Give each tenant's streams to it, as one arrival."""
    owners: dict[tuple[str | None, str | None], Tenant | Reason] = {}
    whose: dict[Tenant | Reason, list[Stream]] = defaultdict(list)
    for stream in streams:
        claim = (_text(stream.resource.get(ORG)), _text(stream.resource.get(PROJECT)))
        if claim not in owners:
            owners[claim] = _owner(record, directory, claim)
        whose[owners[claim]].append(stream)
    for owner, own in whose.items():
        indices = () if len(whose) == 1 else _indices(own)
        if isinstance(owner, Tenant):
            arrivals.append(ExportArrival(record, Export(own, batch_of(record.headers), indices), owner))
        else:
            refusals.append(Refusal(record, owner, indices))


def _owner(record: Record, directory: Directory, claim: tuple[str | None, str | None]) -> Tenant | Reason:
    try:
        return directory.tenant(record, *claim)
    except Refused as refused:
        return refused.reason


def _sort(arrival: ExportArrival, judge: Judge, folded: Folded, sums: Sums, cumulative: Cumulative) -> None:
    """Put each point of an export where it is added up, or refuse it."""
    export, project = arrival.message, arrival.tenant.project
    faults: dict[Reason, list[int]] = defaultdict(list)
    known = [stream for stream in export.streams if judge.mapping.knows(stream.name)]
    folded.ignored += export.sample_count - sum(len(stream.points) for stream in known)
    for stream in known:
        name = stream_name(stream)
        for index, point in enumerate(stream.points, stream.first):
            try:
                judged = judge.judged(stream, point, name)
            except FaultyError as error:
                faults[error.reason].append(index)
                continue
            if judged is not None:
                _add(judged, project, folded, sums, cumulative)
    if not known:
        folded.refusals.append(Refusal(arrival.record, Reason.UNMAPPED, export.indices, arrival.tenant))
    for reason, indices in faults.items():
        folded.refusals.append(Refusal(arrival.record, reason, tuple(indices), arrival.tenant))


def _add(point: Point, project: ProjectKey, folded: Folded, sums: Sums, cumulative: Cumulative) -> None:
    folded.samples += 1
    _see(folded, project, point.time_ns / NANOSECONDS)
    if point.is_cumulative:
        cumulative.add(project, point)
    else:
        sums.add(project, point.hour, point.routes, point.kind, point.reading)


def _see(folded: Folded, project: ProjectKey, at: float) -> None:
    seen = folded.seen.get(project)
    if seen is None:
        folded.seen[project] = Seen(at, at)
    else:
        seen.first, seen.newest = min(seen.first, at), max(seen.newest, at)


def _indices(streams: Sequence[Stream]) -> tuple[int, ...]:
    return tuple(index for each in streams for index in range(each.first, each.first + len(each.points)))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
