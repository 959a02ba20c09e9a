"""What becomes of parked records: back to their topics, or to wait again.

One transaction for the quotas, the ledger and the outbox.
"""

import logging
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.fernet import Fernet

from storage import ledger, outbox, quotas
from storage.ledger import Claim, Connection, Place
from storage.quotas import KeyName, Quota
from streams.fold import Record
from streams.parking import Parked, read
from streams.stamps import StampError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """How far a partition was settled, and the seconds that keys have to wait."""

    upto: int
    waits: Mapping[KeyName, float]


class Settler:
    """Settles parked records."""

    def __init__(self, signing_key: bytes, cipher: Fernet) -> None:
        self._signing_key, self._cipher = signing_key, cipher

    async def settle(
        self,
        connection: Connection,
        place: Place,
        held: Claim,
        records: Sequence[Record],
        end: int,
        behind: Collection[KeyName],
    ) -> Settled | None:
        """Settle `records`, which stand at [held.next_offset, end); None if another worker has them.

        Args:
            connection: outside a transaction.
            place: the parked partition.
            held: what this worker claimed of it.
            records: in their order.
            end: the offset behind the last of them.
            behind: keys that may go on and have records behind these.
        """
        async with connection.transaction():
            if not await ledger.move(connection, place, held, held.next_offset):
                return None
            parked = list(self._read(records))
            verdicts = await _spent(connection, [each for _, each in parked])
            waits = {each.payer: wait for (_, each), wait in zip(parked, verdicts, strict=True) if wait}
            upto = end
            if not behind - waits.keys():
                allowed = [offset for (offset, _), wait in zip(parked, verdicts, strict=True) if not wait]
                upto = max(allowed, default=held.next_offset - 1) + 1 if waits else end
            letters = [
                each.letter(place.topic if wait else each.topic, self._signing_key, self._cipher)
                for (offset, each), wait in zip(parked, verdicts, strict=True)
                if offset < upto
            ]
            await outbox.put(connection, letters)
            if upto > held.next_offset:
                await ledger.move(connection, place, held, upto)
        return Settled(upto, waits)

    def payers(self, records: Iterable[Record]) -> set[KeyName]:
        """Return the keys that `records` wait for."""
        return {each.payer for _, each in self._read(records)}

    def _read(self, records: Iterable[Record]) -> Iterable[tuple[int, Parked]]:
        for record in records:
            try:
                yield record.offset, read(record, self._signing_key)
            except StampError as error:
                log.error("%s@%d is left out: %s", record.topic, record.offset, error)  # noqa: TRY400


async def _spent(connection: Connection, parked: Sequence[Parked]) -> list[float]:
    """Return the wait of each; what has no quota any more, or never fits, waits for nothing."""
    limits = await quotas.of_keys(connection, {each.payer for each in parked})
    wanted: dict[KeyName, tuple[Quota, list[int]]] = {}
    for each in parked:
        if each.payer in limits:
            wanted.setdefault(each.payer, (limits[each.payer], []))[1].append(each.samples)
    left = {key: iter(waits) for key, waits in (await quotas.spend_each(connection, wanted)).items()}
    found = [next(left[each.payer]) if each.payer in left else 0.0 for each in parked]
    return [0.0 if math.isinf(wait) else wait for wait in found]
