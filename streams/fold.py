"""Records in, cells out: pure, without a clock, in the order of one source partition.

`admit` decodes and asks whose a message is; `fold` adds up what is new. Between the two the ledger's
transaction drops the batches that were counted before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import msgspec

from metrics.cell import Cell
from metrics.names import Metric
from storage.partials import SeriesHour
from storage.watermarks import ProjectKey
from streams.event_time import HOUR, Times, kept_from
from streams.samples import contribution, sample_fault, series_fault
from streams.wire import Message, Reason, Refused, Sample, decode

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
    """A message that can be read, and whose it is."""

    record: Any
    message: Message
    tenant: Tenant


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


def admit(
    records: Iterable[Record], directory: Directory, limits: Limits
) -> tuple[list[Arrival], list[Refusal]]:
    """Decode `records`; what cannot be read or belongs to nobody known is refused."""
    arrivals, refusals = [], []
    for record in records:
        try:
            message = decode(record.value or b"", limits.max_samples, limits.max_bytes)
            tenant = directory.tenant(record, message.org_id, message.project_id)
            arrivals.append(Arrival(record, message, tenant))
        except Refused as refused:
            refusals.append(Refusal(record, refused.reason))
    return arrivals, refusals


_Group = tuple[int, str, str | None, str | None]
"""A series in one hour: the number of the hour since 1970, metric, cohort, feature."""


class _Course:
    """One project in one chunk: its messages in order, sorted by series and hour.

    `together` sorts them without a look at the time of each sample, and gives up where that look may
    refuse one. `one_by_one` takes it. What both accept they sort alike.
    """

    __slots__ = ("arrivals", "first", "groups", "mark", "newest", "refusals")

    def __init__(self, mark: float) -> None:
        self.arrivals: list[Arrival] = []
        self.mark = mark
        self.first, self.newest = float("inf"), 0.0
        self.groups: dict[_Group, list[Sample]] = {}
        self.refusals: list[Refusal] = []

    def sort(self, bounds: "_Bounds", times: Times) -> None:
        """Fill `groups`, `refusals`, and how far event time has come."""
        if not self._together(bounds, times):
            self.groups.clear()
            for arrival in self.arrivals:
                self._one_by_one(arrival, bounds, times)

    def _put(self, sample: Sample, times: Times) -> None:
        hour = times.hour(sample.timestamp)
        group = (hour, sample.metric_name, sample.cohort, sample.feature)
        self.groups.setdefault(group, []).append(sample)

    def _together(self, bounds: "_Bounds", times: Times) -> bool:
        groups, hours = self.groups, times.hours
        for arrival in self.arrivals:
            for sample in arrival.message.samples:
                try:
                    groups[hours[sample.timestamp], sample.metric_name, sample.cohort, sample.feature].append(
                        sample
                    )
                except KeyError:
                    self._put(sample, times)
        if any(arrival.message.unreadable for arrival in self.arrivals):
            return False
        found = {group[0] for group in groups}
        earliest = self._moments_of(min(found), times)
        last = self._moments_of(max(found), times) if len(found) > 1 else earliest
        first, newest = min(earliest), max(last)
        # The narrowest bounds of any message: what is within them is within its own.
        oldest = bounds.oldest(max(self.mark, newest))
        latest = min(bounds.latest(arrival) for arrival in self.arrivals)
        if not oldest <= first <= newest <= latest:
            return False
        self.first, self.newest = first, newest
        return True

    def _moments_of(self, hour: int, times: Times) -> list[float]:
        of_hour = [samples for group, samples in self.groups.items() if group[0] == hour]
        return [times.moment(each) for each in {s.timestamp for samples in of_hour for s in samples}]

    def _one_by_one(self, arrival: Arrival, bounds: "_Bounds", times: Times) -> None:
        message = arrival.message
        # What is too late is judged message by message: the cut of chunks must not decide.
        oldest, latest = bounds.oldest(max(self.mark, self.newest)), bounds.latest(arrival)
        first, newest = self.first, self.newest
        faults: list[tuple[Reason, int]] = []
        for position, sample in enumerate(message.samples):
            at = times.moment(sample.timestamp)
            if not oldest <= at <= latest:
                faults.append((_time_fault(at, latest), message.index(position)))
                continue
            first, newest = min(first, at), max(newest, at)
            self._put(sample, times)
        self.first, self.newest = first, newest
        if faults or message.unreadable:
            self.refusals.extend(_refused(arrival, faults))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What times samples may have, in epoch seconds."""

    limits: Limits
    now: float
    kept: float

    def oldest(self, mark: float) -> float:
        lateness = self.limits.lateness
        return self.kept if lateness is None else max(self.kept, mark - lateness)

    def latest(self, arrival: Arrival) -> float:
        arrived: int = arrival.record.timestamp
        return min(self.now, arrived / 1000) + self.limits.future_tolerance


class Folder:
    """Folds chunks; keeps nothing between them but a cache of timestamps."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._times = Times()

    def fold(self, arrivals: Sequence[Arrival], watermarks: Mapping[ProjectKey, float], now: float) -> Folded:
        """Return what `arrivals` add.

        Args:
            arrivals: new messages, in the order of their partition.
            watermarks: newest event time of each project in this partition before the chunk.
            now: epoch seconds; a record whose own time is later is judged by this one.
        """
        folded = Folded()
        bounds = _Bounds(self._limits, now, kept_from(now, self._limits.retention))
        courses: dict[Tenant, _Course] = {}
        for arrival in arrivals:
            course = courses.get(arrival.tenant)
            if course is None:
                course = courses[arrival.tenant] = _Course(watermarks.get(arrival.tenant.project, 0.0))
            course.arrivals.append(arrival)
        origins = _Origins(arrivals)
        for tenant, course in courses.items():
            course.sort(bounds, self._times)
            folded.refusals.extend(course.refusals)
            if course.newest:
                folded.seen[tenant.project] = Seen(course.first, course.newest)
            for group, samples in course.groups.items():
                _add_series(folded, tenant, group, samples, origins)
        return folded


def _time_fault(at: float, latest: float) -> Reason:
    if at < 0:
        return Reason.BAD_TIMESTAMP
    return Reason.FUTURE if at > latest else Reason.TOO_LATE


def _refused(arrival: Arrival, faults: Iterable[tuple[Reason, int]]) -> Iterable[Refusal]:
    by_reason: dict[Reason, list[int]] = dict(arrival.message.unreadable or {})
    for reason, index in faults:
        by_reason.setdefault(reason, []).append(index)
    for reason, indices in by_reason.items():
        yield Refusal(arrival.record, reason, tuple(indices), arrival.tenant)


class _Origins:
    """Finds the record and index of a sample; built only when something is wrong."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self._arrivals = arrivals
        self._found: dict[int, tuple[Arrival, int]] | None = None

    def of(self, sample: Sample) -> tuple[Arrival, int]:
        if self._found is None:
            self._found = {
                id(each): (arrival, arrival.message.index(position))
                for arrival in self._arrivals
                for position, each in enumerate(arrival.message.samples)
            }
        return self._found[id(sample)]


def _add_series(
    folded: Folded, tenant: Tenant, group: _Group, samples: Sequence[Sample], origins: _Origins
) -> None:
    hour, name, cohort, feature = group[0] * HOUR, group[1], group[2] or "", group[3] or ""
    fault = series_fault(name, cohort, feature)
    if fault:
        _refuse(folded, tenant, [(sample, fault) for sample in samples], origins)
        return
    metric = Metric(name)
    cell = contribution(metric, samples, tenant.user_key)
    if cell is None:
        judged = [(sample, sample_fault(metric, sample)) for sample in samples]
        _refuse(folded, tenant, [(sample, reason) for sample, reason in judged if reason], origins)
        right = [sample for sample, reason in judged if not reason]
        cell = contribution(metric, right, tenant.user_key) if right else None
    if not cell:
        return
    where = SeriesHour(tenant.org_id, tenant.project_id, hour, metric, cohort, feature)
    known = folded.cells.get(where)
    folded.cells[where] = known | cell if known else cell
    folded.samples += cell.samples


def _refuse(
    folded: Folded, tenant: Tenant, faults: Iterable[tuple[Sample, Reason]], origins: _Origins
) -> None:
    found: dict[tuple[int, Reason], tuple[Arrival, list[int]]] = {}
    for sample, reason in faults:
        arrival, index = origins.of(sample)
        found.setdefault((id(arrival), reason), (arrival, []))[1].append(index)
    for (_, reason), (arrival, indices) in found.items():
        folded.refusals.append(Refusal(arrival.record, reason, tuple(sorted(indices)), tenant))
