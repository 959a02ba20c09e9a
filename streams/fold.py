"""Records in, cells out: pure, without a clock, in the order of one source partition.

`admit` decodes and asks whose a message is; `fold` adds up what is new. Between the two the ledger's
transaction drops the batches that were counted before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from uuid import UUID

from metrics.cell import Cell
from metrics.names import Metric
from storage.partials import SeriesHour
from storage.watermarks import ProjectKey
from streams.event_time import Moments
from streams.samples import contribution, sample_fault, series_fault
from streams.wire import Message, Reason, Refused, Sample, decode

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """A Kafka record, as aiokafka gives it; `timestamp` is the broker's or producer's, in milliseconds."""

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


class Tenant(NamedTuple):
    """Whose a message is; `user_key` hashes the organisation's user ids."""

    org_id: UUID
    project_id: UUID
    user_key: bytes

    @property
    def project(self) -> ProjectKey:
        """Return (organisation, project)."""
        return (self.org_id, self.project_id)


class Directory(Protocol):
    """Knows the organisations, projects and ingest keys."""

    def tenant(self, message: Message, headers: Headers) -> Tenant:
        """Return whose the message is, or raise `Refused`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much, too late and too early (seconds)."""

    max_samples: int
    max_bytes: int
    lateness: float | None
    future_tolerance: float


@dataclass(slots=True)
class Arrival:
    """A message that can be read, and whose it is."""

    record: Record
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
            arrivals.append(Arrival(record, message, directory.tenant(message, record.headers)))
        except Refused as refused:
            refusals.append(Refusal(record, refused.reason))
    return arrivals, refusals


_Group = tuple[int, str, str | None, str | None]
_Groups = dict[Tenant, defaultdict[_Group, list[Sample]]]


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
        groups: _Groups = {}
        marks = dict(watermarks)
        for arrival in arrivals:
            self._sort(arrival, groups, folded, marks, now)
        origin = _Origins(arrivals)
        for tenant, of_tenant in groups.items():
            for group, samples in of_tenant.items():
                _add_group(folded, tenant, group, samples, origin)
        return folded

    def _sort(
        self, arrival: Arrival, groups: _Groups, folded: Folded, marks: dict[ProjectKey, float], now: float
    ) -> None:
        """Put each sample of a message to its series and hour, unless its time is out of bounds."""
        tenant, moments = arrival.tenant, self._moments
        lateness = self._limits.lateness
        oldest = marks.get(tenant.project, 0.0) - lateness if lateness is not None else 0.0
        latest = min(arrival.record.timestamp / 1000, now) + self._limits.future_tolerance
        of_tenant = groups.setdefault(tenant, defaultdict(list))
        faults = dict(arrival.message.unreadable or {})
        first, newest = latest, 0.0
        for position, sample in enumerate(arrival.message.samples):
            moment = moments[sample.timestamp]
            if moment is None:
                faults.setdefault(Reason.BAD_TIMESTAMP, []).append(arrival.message.index(position))
                continue
            at, hour = moment
            if not oldest <= at <= latest:
                reason = Reason.FUTURE if at > latest else Reason.TOO_LATE
                faults.setdefault(reason, []).append(arrival.message.index(position))
                continue
            if at > newest:  # noqa: PLR1730  # max() and min() would cost more than the rest of the loop
                newest = at
            if at < first:  # noqa: PLR1730
                first = at
            of_tenant[hour, sample.metric_name, sample.cohort, sample.feature].append(sample)
        for reason, indices in faults.items():
            folded.refusals.append(Refusal(arrival.record, reason, tuple(indices), tenant))
        if newest:
            _note(folded, marks, tenant, Seen(first, newest))


def _note(folded: Folded, marks: dict[ProjectKey, float], tenant: Tenant, seen: Seen) -> None:
    marks[tenant.project] = max(marks.get(tenant.project, 0.0), seen.newest)
    before = folded.seen.get(tenant.project)
    if before:
        seen = Seen(min(before.first, seen.first), max(before.newest, seen.newest))
    folded.seen[tenant.project] = seen


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


def _add_group(
    folded: Folded, tenant: Tenant, group: _Group, samples: list[Sample], origins: _Origins
) -> None:
    hour, name, cohort, feature = group[0], group[1], group[2] or "", group[3] or ""
    fault = series_fault(name, cohort, feature)
    if fault:
        _refuse(folded, tenant, [(sample, fault) for sample in samples], origins)
        return
    metric = Metric(name)
    cell = contribution(metric, samples, tenant.user_key)
    if cell is None:
        judged = [(sample, sample_fault(metric, sample)) for sample in samples]
        _refuse(folded, tenant, [(sample, reason) for sample, reason in judged if reason], origins)
        samples = [sample for sample, reason in judged if not reason]
        cell = contribution(metric, samples, tenant.user_key) if samples else None
    if cell is None:
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
