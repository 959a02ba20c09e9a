"""One message through the worker's own code: decoded, admitted, folded; nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from metrics.cell import Cell
from storage.partials import SeriesHour
from storage.watermarks import ProjectKey
from streams.fold import Arrival, Directory, Folder, Headers, Limits, Record, Tenant
from streams.wire import Reason, Refused, decode


class Sent(NamedTuple):
    """A message as a Kafka record; `timestamp` in milliseconds."""

    value: bytes
    topic: str
    headers: Headers
    timestamp: int
    offset: int = 0
    key: bytes | None = None


class Refusal(NamedTuple):
    """Why the message, or its samples at `indices`, would be refused; `detail` in the decoder's words."""

    reason: Reason
    indices: tuple[int, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a message."""

    tenant: Tenant | None = None
    batch_id: UUID | None = None
    cells: Mapping[SeriesHour, Cell] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()


class Believes:
    """A directory for when there is no database: every organisation and project is what it says."""

    def tenant(self, record: Record, org_id: str | None, project_id: str | None) -> Tenant:
        """Return the tenant that the body names."""
        del record
        return Tenant(_uuid(org_id, Reason.UNKNOWN_ORG), _uuid(project_id, Reason.UNKNOWN_PROJECT), b"")


def _uuid(text: str | None, reason: Reason) -> UUID:
    try:
        return UUID(text or "")
    except ValueError:
        raise Refused(reason, f"{(text or '')[:40]!r} is not a UUID") from None


def admitted(sent: Sent, directory: Directory, limits: Limits) -> Arrival | Judged:
    """Return the message as it would be folded, or why all of it is refused."""
    arrivals, refusals = Folder(limits).admit([sent], directory)
    if arrivals:
        return arrivals[0]
    return Judged(refusals=(Refusal(refusals[0].reason, (), _detail(sent, directory, limits)),))


def folded(arrival: Arrival, marks: Mapping[ProjectKey, float], limits: Limits, now: float) -> Judged:
    """Return what a message adds, where its project has come as far as `marks` say (epoch seconds)."""
    found = Folder(limits).fold([arrival], marks, now)
    refusals = tuple(Refusal(each.reason, each.indices, "") for each in found.refusals)
    return Judged(arrival.tenant, arrival.batch_id, found.cells, refusals)


def _detail(sent: Sent, directory: Directory, limits: Limits) -> str:
    """Return in words why a message was refused: the worker keeps the reason alone."""
    try:
        message = decode(sent.value, limits.max_samples, limits.max_bytes)
        directory.tenant(sent, message.org_id, message.project_id)
    except Refused as refused:
        return str(refused).removeprefix(f"{refused.reason}: ")
    return ""
