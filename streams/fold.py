"""Records in, cells out: pure, without a clock, in the order of one source partition.

`admit` decodes and asks whose a message is; `fold` adds up what is new. Between the two the ledger's
transaction drops the batches that were counted before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import msgspec

from metrics.cell import Cell
from metrics.names import Metric
from storage.partials import SeriesHour
from storage.watermarks import ProjectKey
from streams.event_time import Moments, kept_from
from streams.samples import Series, contribution, sample_fault, series_fault
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
    """What a chunk adds."""

    cells: dict[SeriesHour, Cell] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    seen: dict[ProjectKey, Seen] = field(default_factory=dict)
    samples: int = 0


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


class _Course:
    """One project in one chunk: its samples by series and hour, and how far its event time has come."""

    __slots__ = ("first", "groups", "mark", "newest", "tenant")

    def __init__(self, tenant: Tenant, mark: float) -> None:
        self.tenant, self.mark = tenant, mark
        self.first, self.newest = float("inf"), 0.0
        self.groups: defaultdict[_Group, Series] = defaultdict(Series)


class Folder:
    """Folds chunks; keeps nothing between them but a cache of timestamps."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._moments = Moments()

    def fold(self, arrivals: Sequence[Arrival], watermarks: Mapping[ProjectKey, float], now: float) -> Folded:
        """Return what `arrivals` add.

        Args:
            arrivals: new messages, in the order of their partition.
            watermarks: newest event time of each project in this partition before the chunk.
            now: epoch seconds; a record whose own time is later is judged by this one.
        """
        folded = Folded()
        kept = kept_from(now, self._limits.retention)
        courses: dict[Tenant, _Course] = {}
        for arrival in arrivals:
            tenant = arrival.tenant
            course = courses.get(tenant)
            if course is None:
                course = courses[tenant] = _Course(tenant, watermarks.get(tenant.project, 0.0))
            self._sort(arrival, course, folded.refusals, kept, now)
        origins = _Origins(arrivals)
        for tenant, course in courses.items():
            if course.newest:
                folded.seen[tenant.project] = Seen(course.first, course.newest)
            for group, series in course.groups.items():
                _add_series(folded, tenant, group, series, origins)
        return folded

    def _sort(
        self, arrival: Arrival, course: _Course, refusals: list[Refusal], kept: float, now: float
    ) -> None:
        """Put each sample of a message to its series and hour, unless its time is out of bounds."""
        moments, groups, message = self._moments, course.groups, arrival.message
        lateness = self._limits.lateness
        oldest = kept if lateness is None else max(kept, course.mark - lateness)
        arrived = arrival.record.timestamp / 1000
        latest = (min(now, arrived)) + self._limits.future_tolerance
        first, newest = course.first, course.newest
        faults: list[tuple[Reason, int]] = []
        for position, sample in enumerate(message.samples):
            moment = moments[sample.timestamp]
            if moment is None or not oldest <= moment[0] <= latest:
                faults.append((_time_fault(moment, latest), message.index(position)))
                continue
            at, hour = moment
            if at > newest:  # noqa: PLR1730  # max() and min() would cost more than the rest of the loop
                newest = at
            if at < first:  # noqa: PLR1730
                first = at
            series = groups[hour, sample.metric_name, sample.cohort, sample.feature]
            series.samples.append(sample)
            if sample.user_id is None and sample.unit is None:  # Series.add, without the call
                series.values.append(sample.value)
                series.ofs.append(sample.of)
            else:
                series.named.append(sample)
        course.first, course.newest = first, newest
        # What is too late is judged message by message: the cut of chunks must not decide.
        course.mark = max(course.mark, newest)
        if faults or message.unreadable:
            refusals.extend(_refused(arrival, faults))


def _time_fault(moment: tuple[float, int] | None, latest: float) -> Reason:
    if moment is None:
        return Reason.BAD_TIMESTAMP
    return Reason.FUTURE if moment[0] > latest else Reason.TOO_LATE


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


def _add_series(folded: Folded, tenant: Tenant, group: _Group, series: Series, origins: _Origins) -> None:
    hour, name, cohort, feature = group[0], group[1], group[2] or "", group[3] or ""
    fault = series_fault(name, cohort, feature)
    if fault:
        _refuse(folded, tenant, [(sample, fault) for sample in series.samples], origins)
        return
    metric = Metric(name)
    cell = contribution(metric, series, tenant.user_key)
    if cell is None:
        judged = [(sample, sample_fault(metric, sample)) for sample in series.samples]
        _refuse(folded, tenant, [(sample, reason) for sample, reason in judged if reason], origins)
        right = Series.of(sample for sample, reason in judged if not reason)
        cell = contribution(metric, right, tenant.user_key)
    if not cell or not cell.samples:
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
