"""Records in, cells out: pure, without a clock, in the order of one source partition.

`admit` decodes and asks whose a message is, and puts its samples side by side in columns; `fold` adds up what
is new. Between the two the ledger's transaction drops the batches that were counted before.
"""

import math
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import msgspec
import numpy as np
import numpy.typing as npt

from metrics.cell import Cell
from metrics.names import Metric
from storage.partials import SeriesHour
from storage.series import SeriesName, name_of
from storage.watermarks import ProjectKey
from streams.columns import Columns, Memory, SeriesKey, Users, Vocabulary
from streams.event_time import HOUR, Moments, kept_from
from streams.samples import Numbers, Rows, contribution, sample_fault, series_fault
from streams.stamps import batch_of
from streams.wire import Message, Reason, Refused, Sample, decode

REMEMBERED = 100_000
"""Timestamps, series and users that are known again."""
Positions = npt.NDArray[np.intp]
Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """A Kafka record, as aiokafka gives it; `timestamp` is the broker's or producer's, in milliseconds."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def headers(self) -> Headers: ...  # noqa: D102


@dataclass(frozen=True, slots=True, eq=False)
class Tenant:
    """Whose a message is; `user_key` hashes the organisation's user ids.

    Compared by identity, since hashing two UUIDs for each message costs more than all else about it: a
    directory gives out one object for a project.
    """

    org_id: UUID
    project_id: UUID
    user_key: bytes

    @property
    def project(self) -> ProjectKey:
        """Return (organisation, project)."""
        return (self.org_id, self.project_id)


class Directory(Protocol):
    """Knows the organisations, projects, ingest keys and bound topics."""

    def tenant(self, record: Record, org_id: str | None, project_id: str | None) -> Tenant:
        """Return whose `record` is, whose body claims what is not None; or raise `Refused`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much, too late and too early (seconds); `retention` counts whole months."""

    max_samples: int
    max_bytes: int
    lateness: float | None
    future_tolerance: float
    retention: float | None = None


class Arrival(msgspec.Struct, gc=False):
    """A message that can be read, and whose it is: its samples are the columns from `start` to `stop`."""

    record: Any
    tenant: Tenant
    batch_id: UUID | None
    columns: Columns
    start: int
    stop: int
    sample_count: int
    indices: list[int] | None
    unreadable: dict[Reason, list[int]] | None

    def index(self, row: int) -> int:
        """Return where the sample in this row of the columns stood in the message."""
        position = row - self.start
        return position if self.indices is None else self.indices[position]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record, or the samples of it at `indices`, that cannot be counted."""

    record: Record
    reason: Reason
    indices: tuple[int, ...] = ()
    tenant: Tenant | None = None


@dataclass(slots=True)
class Seen:
    """Event time of a project in this chunk, epoch seconds."""

    first: float
    newest: float


@dataclass(slots=True)
class Folded:
    """What a chunk adds; `ignored` points are of no rule of their project's mapping."""

    cells: dict[SeriesHour, Cell] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    seen: dict[ProjectKey, Seen] = field(default_factory=dict)
    samples: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What times samples may have, in epoch seconds."""

    limits: Limits
    now: float
    kept: float

    def oldest(self, mark: float) -> float:
        lateness = self.limits.lateness
        return self.kept if lateness is None else max(self.kept, mark - lateness)

    def latest(self, arrived: int) -> float:
        """`arrived` is the record's own time, in milliseconds."""
        return min(self.now, arrived / 1000) + self.limits.future_tolerance


class Folder:
    """Admits and folds chunks; keeps nothing between them but what timestamps and series are called."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._moments, self._vocabulary = Moments(), Vocabulary()
        self._users: dict[bytes, Users] = {}

    def admit(self, records: Iterable[Record], directory: Directory) -> tuple[list[Arrival], list[Refusal]]:
        """Decode `records`; what cannot be read or belongs to nobody known is refused."""
        self._forget()
        arrivals, refusals = [], []
        columns: dict[Tenant, Columns] = {}
        for record in records:
            try:
                message = decode(record.value or b"", self._limits.max_samples, self._limits.max_bytes)
                tenant = directory.tenant(record, message.org_id, message.project_id)
            except Refused as refused:
                refusals.append(Refusal(record, refused.reason))
                continue
            own = columns.get(tenant)
            if own is None:
                own = columns[tenant] = Columns(self._memory(tenant))
            arrivals.append(_arrival(record, message, tenant, own))
        for own in columns.values():
            own.settle()
        return arrivals, refusals

    def fold(
        self,
        arrivals: Sequence[Arrival],
        watermarks: Mapping[ProjectKey, float],
        now: float,
        barred: Collection[SeriesName] = (),
    ) -> Folded:
        """Return what `arrivals` add.

        Args:
            arrivals: new messages of one `admit`, in the order of their partition.
            watermarks: newest event time of each project in this partition before the chunk.
            now: epoch seconds; a record whose own time is later is judged by this one.
            barred: series that have no room: their samples are refused.
        """
        folded = Folded()
        bounds = _Bounds(self._limits, now, kept_from(now, self._limits.retention))
        for tenant, own in _by_tenant(arrivals):
            course = _Course(own, folded)
            rows = course.in_time(bounds, watermarks.get(tenant.project, 0.0))
            for key, hour, group in course.groups(rows):
                course.add(key, hour, group, barred)
        return folded

    def _memory(self, tenant: Tenant) -> Memory:
        users = self._users.get(tenant.user_key)
        if users is None:
            users = self._users[tenant.user_key] = Users(tenant.user_key)
        return Memory(self._moments, self._vocabulary, users)

    def _forget(self) -> None:
        if len(self._moments) > REMEMBERED:
            self._moments.clear()
        if len(self._vocabulary) > REMEMBERED:
            self._vocabulary = Vocabulary()  # columns that are not folded yet have the old one
        if sum(map(len, self._users.values())) > REMEMBERED:
            self._users.clear()


def _arrival(record: Record, message: Message, tenant: Tenant, columns: Columns) -> Arrival:
    start = columns.put(message)
    return Arrival(
        record,
        tenant,
        message.batch_id or (batch_of(record.headers) if record.headers else None),
        columns,
        start,
        start + len(message.samples),
        message.sample_count,
        message.indices,
        message.unreadable,
    )


def _by_tenant(arrivals: Sequence[Arrival]) -> Iterable[tuple[Tenant, Sequence[Arrival]]]:
    tenants = dict.fromkeys([arrival.tenant for arrival in arrivals])
    if len(tenants) == 1:
        return [(arrivals[0].tenant, arrivals)]
    return [(tenant, [each for each in arrivals if each.tenant is tenant]) for tenant in tenants]


class _Course:
    """One project in one chunk: what its messages add to `folded`, in their order."""

    def __init__(self, arrivals: Sequence[Arrival], folded: Folded) -> None:
        self._arrivals, self._folded = arrivals, folded
        self._tenant, self._columns = arrivals[0].tenant, arrivals[0].columns
        self._at = np.frombuffer(self._columns.at)
        self._values, self._ofs = np.frombuffer(self._columns.values), np.frombuffer(self._columns.ofs)
        self._users = np.frombuffer(self._columns.users, dtype=np.uint64)
        self._has_units = self._columns.units.count(None) < len(self._at)

    def in_time(self, bounds: _Bounds, mark: float) -> Positions:
        """Return the rows that are neither too late nor too early; tell of the others, and of event time."""
        rows = self._rows()
        if rows is None or not self._all_in_time(bounds, mark, self._at[rows]):
            rows = self._judged(bounds, mark)
        if len(rows):
            at = self._at[rows]
            self._folded.seen[self._tenant.project] = Seen(float(at.min()), float(at.max()))
        return rows

    def groups(self, rows: Positions) -> Iterable[tuple[SeriesKey, int, Positions]]:
        """Return each series and hour (epoch seconds) with its rows, in the order of their first ones."""
        if not len(rows):
            return []
        names = list(self._columns.memory.vocabulary)
        series = np.frombuffer(self._columns.series, dtype=np.int64)[rows]
        hours = (self._at[rows] // HOUR).astype(np.int64)
        groups = (hours - hours.min()) * len(names) + series
        # NumPy sorts numbers of two bytes in linear time.
        sortable = groups.astype(np.uint16) if groups.max() < 2**16 else groups
        order = np.argsort(sortable, kind="stable")
        found = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
        found.sort(key=lambda group: int(group[0]))
        return [(names[series[group[0]]], int(hours[group[0]]) * HOUR, rows[group]) for group in found]

    def add(self, key: SeriesKey, hour: int, rows: Positions, barred: Collection[SeriesName]) -> None:
        """Add what the samples of a series in an hour are together; refuse those that break a rule."""
        name, cohort, feature = key[0], key[1] or "", key[2] or ""
        fault = series_fault(name, cohort, feature)
        if fault:
            self._refuse((row, fault) for row in rows.tolist())
            return
        org_id, project_id = self._tenant.project
        where = SeriesHour(org_id, project_id, hour, Metric(name), cohort, feature)
        rows, cell = self._contribution(where.metric, rows)
        if cell is None:
            return
        if name_of(where) in barred:
            self._refuse((row, Reason.TOO_MANY_SERIES) for row in rows.tolist())
            return
        known = self._folded.cells.get(where)
        self._folded.cells[where] = known | cell if known else cell
        self._folded.samples += cell.samples

    def _contribution(self, metric: Metric, rows: Positions) -> tuple[Positions, Cell | None]:
        """Return the rows that break no rule, and what they are together."""
        fit = not self._columns.unfit or self._columns.unfit.isdisjoint(rows.tolist())
        cell = contribution(metric, self._side_by_side(rows)) if fit else None
        if cell is not None:
            return rows, cell
        judged = [(row, sample_fault(metric, self._sample(row))) for row in rows.tolist()]
        self._refuse((row, reason) for row, reason in judged if reason)
        right = np.array([row for row, reason in judged if not reason], dtype=np.intp)
        return right, contribution(metric, self._side_by_side(right)) if len(right) else None

    def _side_by_side(self, rows: Positions) -> Rows:
        units = [self._columns.units[row] for row in rows.tolist()] if self._has_units else None
        return Rows(self._values[rows], self._ofs[rows], self._users[rows], units)

    def _sample(self, row: int) -> Sample:
        """Return what decides of a sample; whichever user it names, if one may be called so."""
        of, unit = self._columns.ofs[row], self._columns.units[row]
        user = "" if row in self._columns.unfit else "user" if self._columns.users[row] else None
        return Sample(
            "feature_usage",
            self._columns.values[row],
            0,
            of=None if math.isnan(of) else of,
            user_id=user,
            unit=unit,
        )

    def _rows(self) -> Positions | None:
        """Return the rows of the messages, None if there is more to tell of one."""
        if self._columns.has_unreadable:
            return None
        if len(self._arrivals) == self._columns.messages:
            return np.arange(len(self._at))
        return np.concatenate([np.arange(each.start, each.stop) for each in self._arrivals])

    def _all_in_time(self, bounds: _Bounds, mark: float, at: Numbers) -> bool:
        """Tell whether all are within the narrowest bounds of any message, and so of their own."""
        newest = float(at.max())
        latest = bounds.latest(min([arrival.record.timestamp for arrival in self._arrivals]))
        return bounds.oldest(max(mark, newest)) <= at.min() and newest <= latest

    def _judged(self, bounds: _Bounds, mark: float) -> Positions:
        """Judge what is too late message by message: where chunks are cut must not decide."""
        right = []
        for arrival in self._arrivals:
            at = self._at[arrival.start : arrival.stop]
            oldest, latest = bounds.oldest(mark), bounds.latest(arrival.record.timestamp)
            in_time = (at >= oldest) & (at <= latest)
            found = np.flatnonzero(in_time) + arrival.start
            if len(found):
                mark = max(mark, float(self._at[found].max()))
                right.append(found)
            self._tell(arrival, np.flatnonzero(~in_time) + arrival.start, latest)
        return np.concatenate(right) if right else np.arange(0)

    def _tell(self, arrival: Arrival, rows: Positions, latest: float) -> None:
        by_reason: dict[Reason, list[int]] = dict(arrival.unreadable or {})
        for row in rows.tolist():
            reason = _time_fault(self._at[row], latest)
            by_reason.setdefault(reason, []).append(arrival.index(row))
        self._folded.refusals.extend(
            Refusal(arrival.record, reason, tuple(indices), self._tenant)
            for reason, indices in by_reason.items()
        )

    def _refuse(self, faults: Iterable[tuple[int, Reason]]) -> None:
        starts = [arrival.start for arrival in self._arrivals]
        found: dict[tuple[int, Reason], list[int]] = {}
        for row, reason in faults:
            found.setdefault((bisect_right(starts, row) - 1, reason), []).append(row)
        for (number, reason), rows in found.items():
            arrival = self._arrivals[number]
            indices = tuple(sorted(map(arrival.index, rows)))
            self._folded.refusals.append(Refusal(arrival.record, reason, indices, self._tenant))


def _time_fault(at: float, latest: float) -> Reason:
    if at < 0:
        return Reason.BAD_TIMESTAMP
    return Reason.FUTURE if at > latest else Reason.TOO_LATE
