"""From entries to messages: the samples of a project together, in the order of their lines.

When a message is full depends on the lines alone, never on time or speed (a quiet stream apart, whose ids are
random), so that the same content makes the same messages under the same ids.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec

from cli.publishing.messages import Batch, Flat, RefusedLineError, Tenant, Whole, encode

ENVELOPE_BYTES = 200
"""More than what a message weighs without its samples."""
WAITING_SAMPLES = 100_000
"""So many samples of unfinished messages are kept at most: a file may name any number of projects."""


class Message(NamedTuple):
    """What goes to Kafka as one record; `number` is its place in the run, from 0 on."""

    tenant: Tenant
    value: bytes
    samples: int
    number: int = 0


class Limits(NamedTuple):
    """What the worker takes in one message (`AUGENTIS_MAX_MESSAGE_BYTES`, `AUGENTIS_MAX_SAMPLES`)."""

    message_bytes: int
    samples: int


@dataclass(frozen=True)
class BatchIds:
    """Ids from a file's digest, the run's id and what the batch holds; random when there is neither."""

    digest: bytes | None
    run_id: str | None

    @property
    def random(self) -> bool:
        """Whether a second run gets other ids."""
        return self.digest is None and self.run_id is None

    def of(self, first_line: int, samples: list[msgspec.Raw]) -> UUID:
        """Return the id of the batch of `samples` whose first one stands on `first_line`."""
        if self.random:
            return uuid4()
        content = hashlib.sha256(self.digest or b"")
        content.update(encode([self.run_id, first_line]))
        content.update(encode(samples))
        return UUID(bytes=content.digest()[:16], version=5)


@dataclass
class _Waiting:
    first_line: int
    samples: list[msgspec.Raw] = field(default_factory=list)
    size: int = ENVELOPE_BYTES


class Batcher:
    """Gathers entries and emits messages of `batch_size` samples, or fewer where bytes run out first."""

    def __init__(
        self, ids: BatchIds, batch_size: int, limits: Limits, emit: Callable[[Message], None]
    ) -> None:
        self._ids = ids
        self._batch_size = batch_size
        self._limits = limits
        self._emit = emit
        self._waiting: dict[Tenant, _Waiting] = {}
        self._count = 0

    def add(self, number: int, entry: Flat | Whole) -> None:
        """Take what line `number` holds.

        Raises:
            RefusedLineError: `too_large`, it cannot be within the limits of a message.
        """
        if isinstance(entry, Whole):
            self._add_whole(number, entry)
        else:
            self._add_flat(number, entry)

    def _add_flat(self, number: int, entry: Flat) -> None:
        size = len(entry.sample) + 1
        self._check(ENVELOPE_BYTES + size, 1)
        waiting = self._waiting.get(entry.tenant)
        if waiting and waiting.size + size > self._limits.message_bytes:
            self._send(entry.tenant)
            waiting = None
        if waiting is None:
            waiting = self._waiting[entry.tenant] = _Waiting(number)
        waiting.samples.append(msgspec.Raw(entry.sample))
        waiting.size += size
        self._count += 1
        if len(waiting.samples) >= self._batch_size:
            self._send(entry.tenant)
        elif self._count >= WAITING_SAMPLES:
            self.flush()

    def _add_whole(self, number: int, entry: Whole) -> None:
        value = self._encode(entry.tenant, entry.batch_id, number, entry.samples)
        self._check(len(value), len(entry.samples))
        if entry.tenant in self._waiting:
            self._send(entry.tenant)  # the order of a project's lines stays
        self._emit(Message(entry.tenant, value, len(entry.samples)))

    def _check(self, size: int, samples: int) -> None:
        if size > self._limits.message_bytes:
            raise RefusedLineError("too_large", f"{size} bytes, at most {self._limits.message_bytes}")
        if samples > self._limits.samples:
            raise RefusedLineError("too_large", f"{samples} samples, at most {self._limits.samples}")

    def flush(self) -> None:
        """Send what waits, projects in the order of their first waiting line."""
        for tenant in list(self._waiting):
            self._send(tenant)

    def _send(self, tenant: Tenant) -> None:
        waiting = self._waiting.pop(tenant)
        self._count -= len(waiting.samples)
        value = self._encode(tenant, None, waiting.first_line, waiting.samples)
        self._emit(Message(tenant, value, len(waiting.samples)))

    def _encode(self, tenant: Tenant, batch_id: UUID | None, line: int, samples: list[msgspec.Raw]) -> bytes:
        batch_id = batch_id or self._ids.of(line, samples)
        return encode(Batch(batch_id, tenant.org_id, tenant.project_id, samples))
