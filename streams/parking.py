"""What is over its key's quota waits in `<topic>.parked`, and goes back when the quota allows.

A parked record keeps its bytes and a batch id, and carries a stamp in place of its key. So neither the
outbox, which may send twice, nor a producer that sends again makes it count twice.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol
from uuid import UUID, uuid5

from cryptography.fernet import Fernet

from storage import quotas
from storage.ledger import Connection
from storage.outbox import Letter
from storage.quotas import KeyName, Quota
from storage.watermarks import ProjectKey
from streams import stamps
from streams.fold import Record, Refusal
from streams.formats import A, Arrived
from streams.stamps import BATCH_HEADER, Stamp, StampError
from streams.wire import Reason

SUFFIX = ".parked"
PAYER_HEADER = "augentis-key-id"
SAMPLES_HEADER = "augentis-samples"
_NAMES = UUID("0d7a4f0e-5b0c-5f6e-8f0f-3f1f5a0c9b7d")
"""Namespace of the batch ids of records that came without one."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that waits: where it goes back to, whose it is, and which key pays for its samples."""

    topic: str
    project: ProjectKey
    payer: KeyName
    samples: int
    batch_id: UUID
    key: bytes | None
    value: bytes

    def letter(self, topic: str, signing_key: bytes, seal: Fernet) -> Letter:
        """Return what goes to `topic`: the parked topic, or back to where it came from."""
        stamp = Stamp(*self.project, parked=True)
        headers = stamps.sign(signing_key, topic, self.value, stamp, self.batch_id)
        named = {name: content.decode() for name, content in headers}
        if topic != self.topic:
            named |= {PAYER_HEADER: str(self.payer[1]), SAMPLES_HEADER: str(self.samples)}
        return Letter(self.project[0], topic, seal.encrypt(self.value), self.key, named, sealed=True)


def read(record: Record, signing_key: bytes) -> Parked:
    """Return what `letter` made of a parked record.

    Raises:
        StampError: it is no record that was parked here.
    """
    value = record.value or b""
    stamp = stamps.verify(signing_key, record.topic, value, record.headers)
    texts = {name: content.decode("ascii", "replace") for name, content in record.headers}
    try:
        payer, samples = UUID(texts[PAYER_HEADER]), int(texts[SAMPLES_HEADER])
        batch_id = UUID(texts[BATCH_HEADER])
    except (KeyError, ValueError):
        stamp = None
    if stamp is None or not stamp.parked:
        raise StampError("the record was not parked here")
    project = (stamp.org_id, stamp.project_id)
    topic = record.topic.removesuffix(SUFFIX)
    return Parked(topic, project, (stamp.org_id, payer), samples, batch_id, record.key, value)


class Payers(Protocol):
    """Knows which key's quota a record takes from."""

    @property
    def has_quotas(self) -> bool:
        """Say whether any key has a quota."""

    def payer(self, record: Record) -> tuple[KeyName, Quota] | None:
        """Return the key and its quota, None if nothing has to be asked."""


@dataclass(slots=True)
class Verdict(Generic[A]):
    """What of a chunk's messages their quotas let in, what waits, and what never fits."""

    arrivals: Sequence[A]
    parked: list[Letter] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


class Gate:
    """Asks the quotas, in the transaction of the chunk."""

    def __init__(self, payers: Payers, signing_key: bytes, seal: Fernet) -> None:
        self._payers, self._signing_key, self._seal = payers, signing_key, seal

    async def let_in(self, connection: Connection, arrivals: Sequence[A]) -> Verdict[A]:
        """Spend the quotas of the keys that `arrivals` came with, in their order.

        A resend pays like any other message: what is known only after its batch was looked up would
        hold two locks in the wrong order.
        """
        if not self._payers.has_quotas:
            return Verdict(arrivals)
        paying = [self._payers.payer(arrival.record) for arrival in arrivals]
        wanted: dict[KeyName, tuple[Quota, list[int]]] = {}
        for arrival, payer in zip(arrivals, paying, strict=True):
            if payer:
                key, quota = payer
                wanted.setdefault(key, (quota, []))[1].append(arrival.sample_count)
        if not wanted:
            return Verdict(arrivals)
        waits = await quotas.spend_each(connection, wanted)
        return self._judged(arrivals, [payer[0] if payer else None for payer in paying], waits)

    def _judged(
        self, arrivals: Sequence[A], payers: Sequence[KeyName | None], waits: dict[KeyName, list[float]]
    ) -> Verdict[A]:
        left = defaultdict(list, {key: each[::-1] for key, each in waits.items()})
        admitted: list[A] = []
        verdict = Verdict[A](admitted)
        for arrival, payer in zip(arrivals, payers, strict=True):
            wait = left[payer].pop() if payer else 0.0
            if payer is None or not wait:
                admitted.append(arrival)
            elif math.isinf(wait):
                verdict.refusals.append(Refusal(arrival.record, Reason.OVER_QUOTA, (), arrival.tenant))
            else:
                verdict.parked.append(self._parked(arrival, payer))
        return verdict

    def _parked(self, arrival: Arrived, payer: KeyName) -> Letter:
        record = arrival.record
        known_by = arrival.batch_id or uuid5(_NAMES, f"{record.topic}/{record.partition}/{record.offset}")
        count = arrival.sample_count
        value = record.value or b""
        parked = Parked(record.topic, arrival.tenant.project, payer, count, known_by, record.key, value)
        return parked.letter(record.topic + SUFFIX, self._signing_key, self._seal)
