"""Dead letters published again: which of their samples, as whose, under which batch id. Pure.

A batch id follows from the letter alone, so that a replay which is killed and begun again sends the same
ones and the ledger drops what it counted before. A record that was refused whole keeps its own batch id:
nothing of it was counted, and the producer's later resend must not count beside the replay.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid5

import msgspec

from metrics.names import Metric
from storage.outbox import OPERATOR
from streams.event_time import epoch_seconds
from streams.fold import Limits
from streams.otlp import parts
from streams.samples import sample_fault, series_fault
from streams.stamps import BATCH_HEADER
from streams.wire import Message, Reason, Refused, decode

BACKFILL = "backfill_metrics"
OTLP = "otlp_metrics"
_NAMES = UUID("6b0b6ac4-6d0e-5b52-9d0c-1d7f2a3f9c11")
"""Namespace of the batch ids of records that came without one."""


class Record(Protocol):
    """A record of `<topic>.dlq`, as aiokafka gives it."""

    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102


class UnreplayableError(Exception):
    """A letter that publishing again would not mend; `cause` is a reason of refusal or one of our own."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as Kafka keeps it. No `project_id`: whose it is was not established."""

    id: UUID
    org_id: UUID
    project_id: UUID | None
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    reason: str
    indices: tuple[int, ...]
    key_id: UUID | None
    batch_id: UUID | None
    key: bytes | None
    value: bytes

    @property
    def is_otlp(self) -> bool:
        """Say whether the bytes are an OTLP request."""
        return self.topic.split(".")[0] == OTLP


@dataclass(frozen=True, slots=True)
class Again:
    """What is to be published: `batch_id` is in `value`, except for OTLP, which has it in a header."""

    value: bytes
    batch_id: UUID
    samples: int


def read(record: Record) -> Letter | None:
    """Return the letter in a record of a dead letter topic, None if it is not one that we have noted."""
    headers = {name: content.decode("utf-8", "replace") for name, content in record.headers}
    try:
        return Letter(
            id=UUID(headers["augentis-letter"]),
            org_id=UUID(headers["augentis-org"]) if "augentis-org" in headers else OPERATOR,
            project_id=_uuid(headers.get("augentis-project")),
            topic=headers["augentis-topic"],
            partition=int(headers["augentis-partition"]),
            offset=int(headers["augentis-offset"]),
            timestamp_ms=int(headers["augentis-timestamp"]),
            reason=headers["augentis-reason"],
            indices=tuple(json.loads(headers["augentis-indices"])),
            key_id=_uuid(headers.get("augentis-key-id")),
            batch_id=_uuid(headers.get(BATCH_HEADER)),
            key=record.key,
            value=record.value or b"",
        )
    except (KeyError, ValueError):
        return None


def whose(
    letter: Letter, owners: Mapping[UUID, UUID], vouched: UUID | None, *, is_open: bool
) -> tuple[UUID, UUID] | None:
    """Return the organisation and project that a letter is of; None if it is not of the one vouched for.

    What nobody established is what the bytes say: believed where ingest is open, else only if the operator
    vouches for it, since whoever can write to the topic could have named that project.

    Args:
        letter: whose it is.
        owners: the organisation of each project.
        vouched: the project that the operator says the letters are of.
        is_open: AUGENTIS_INGEST_AUTH is `open`.

    Raises:
        UnreplayableError: no_tenant or unproven.
    """
    if letter.project_id:
        return letter.org_id, letter.project_id
    org, project = _claimed(letter)
    if vouched is not None:
        owner = owners.get(vouched)
        named_another = project not in (None, vouched) or (owner and org not in (None, owner))
        return None if named_another else (owner or org or OPERATOR, vouched)
    if org is None or project is None:
        raise UnreplayableError("no_tenant")
    if not is_open:
        raise UnreplayableError("unproven")
    return org, project


def _claimed(letter: Letter) -> tuple[UUID | None, UUID | None]:
    """Return the organisation and project that the letter's own bytes name, None where they name none.

    A name that is no id is the nil UUID, which is nobody's.
    """
    try:
        if letter.is_otlp:
            named = parts.claims(letter.value, letter.indices)
            (org, project) = named.pop() if len(named) == 1 else (None, None)
        else:
            head = msgspec.json.decode(letter.value, type=_Head)
            org, project = head.org_id, head.project_id
    except (Refused, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    return _named(org), _named(project)


def again(letter: Letter, limits: Limits, now: float) -> Again:
    """Return what to publish of a letter: the refused samples alone; `now` is in epoch seconds.

    Raises:
        UnreplayableError: it would be refused once more, as far as the bytes alone can tell.
    """
    try:
        return _otlp(letter, limits) if letter.is_otlp else _native(letter, limits, now)
    except Refused as refused:
        raise UnreplayableError(str(refused.reason)) from None


def _otlp(letter: Letter, limits: Limits) -> Again:
    if not letter.indices and len(letter.value) > limits.max_bytes:
        raise UnreplayableError(str(Reason.TOO_LARGE))
    value, points = parts.reduced(letter.value, letter.indices)
    return Again(value, _batch_id(letter, letter.batch_id), points)


def _batch_id(letter: Letter, own: UUID | None) -> UUID:
    """Return the record's own id, unless the ledger knows it: then something was counted under it before."""
    own = own or _own_name(letter)
    # Whether a mapping is about it was asked when the batch had been noted already.
    is_noted = letter.indices or letter.reason == Reason.UNMAPPED
    return uuid5(own, json.dumps(letter.indices)) if is_noted else own


def _native(letter: Letter, limits: Limits, now: float) -> Again:
    sent = _decoded(letter.value, letter.indices, limits)
    batch_id = _batch_id(letter, sent.batch_id)
    value = _reduced(letter.value, letter.indices, batch_id)
    message = _decoded(value, (), limits)
    fault = _fault(message, limits, now)
    if fault:
        raise UnreplayableError(str(fault))
    return Again(value, batch_id, len(message.samples))


def _decoded(value: bytes, indices: Sequence[int], limits: Limits) -> Message:
    """Decode a message; one of which a part was counted has passed the limits before."""
    lenient = bool(indices)
    most_bytes = max(limits.max_bytes, len(value)) if lenient else limits.max_bytes
    most_samples = max(limits.max_samples, max(indices) + 1) if indices else limits.max_samples
    return decode(value, most_samples, most_bytes)


def _reduced(value: bytes, indices: Sequence[int], batch_id: UUID) -> bytes:
    """Return a message with the samples at `indices` alone (none: all), each as it was sent."""
    try:
        body = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
        if indices and bytes(body.get("samples", msgspec.Raw(b"null"))) != b"null":
            samples = msgspec.json.decode(body["samples"], type=list[msgspec.Raw])
            body["samples"] = msgspec.Raw(msgspec.json.encode([samples[index] for index in indices]))
    except (msgspec.DecodeError, IndexError, RecursionError):
        raise UnreplayableError(str(Reason.NOT_JSON)) from None
    body["batch_id"] = msgspec.Raw(msgspec.json.encode(batch_id))
    return msgspec.json.encode(body)


def _fault(message: Message, limits: Limits, now: float) -> Reason | None:
    if message.unreadable:
        return next(iter(message.unreadable))
    for sample in message.samples:
        at = epoch_seconds(sample.timestamp)
        if at is None or at < 0:
            return Reason.BAD_TIMESTAMP
        if at > now + limits.future_tolerance:
            return Reason.FUTURE
        fault = series_fault(sample.metric_name, sample.cohort or "", sample.feature or "")
        fault = fault or sample_fault(Metric(sample.metric_name), sample)
        if fault:
            return fault
    return None


def _own_name(letter: Letter) -> UUID:
    """Return a batch id for a record that came without: a recreated topic has other times at its offsets."""
    where = f"{letter.topic}/{letter.partition}/{letter.offset}/{letter.timestamp_ms}"
    return uuid5(_NAMES, where)


class _Head(msgspec.Struct):
    org_id: str | None = None
    project_id: str | None = None


def _named(text: object) -> UUID | None:
    return None if text is None else _uuid(str(text)) or OPERATOR


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
