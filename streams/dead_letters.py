"""Dead letters: the original bytes, where they came from and why, on their way to `<topic>.dlq`.

The bytes go there alone, by way of the outbox; the table `dead_letter` keeps where they are and why.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
from cryptography.fernet import Fernet

from migrations.topics import base_of
from storage import dead_letters, ledger, machine_keys, outbox
from storage.dead_letters import Written
from storage.ledger import Connection, Place
from storage.outbox import OPERATOR, Letter
from streams import figures
from streams.directory import KEY_HEADER
from streams.fold import Headers, Refusal
from streams.stamps import BATCH_HEADER, batch_of

log = logging.getLogger(__name__)

FORGOTTEN_AT_ONCE = 10_000


async def put(connection: Connection, place: Place, refusals: Iterable[Refusal], seal: Fernet) -> None:
    """Write a letter for each record and reason, its bytes sealed: they hold raw user ids."""
    merged: dict[tuple[int, str], list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        merged[refusal.record.offset, refusal.reason].append(refusal)
    written = [(group[0], _written(place, group)) for group in merged.values()]
    await dead_letters.write(connection, [row for _, row in written])
    await outbox.put(connection, [_letter(first, row, seal) for first, row in written])


async def forget(pool: asyncpg.Pool, retention: timedelta) -> None:
    """Forget letters whose bytes Kafka has dropped after `retention`, by the database's clock."""
    async with pool.acquire() as connection:
        before = await ledger.now(connection) - retention
        while await dead_letters.forget(connection, before, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE:
            pass


def report(place: Place, refusals: Sequence[Refusal]) -> None:
    """Log what was refused: reason, coordinates and organisation, never a payload."""
    by_reason: dict[str, list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        by_reason[refusal.reason].append(refusal)
    for reason, group in by_reason.items():
        first = group[0]
        count = sum(len(refusal.indices) or 1 for refusal in group)
        figures.REFUSED.labels(place.topic, reason).inc(count)
        log.warning(
            "refused: %s, %d samples or messages, first %s[%d]@%d, organisation %s; kept in %s.dlq",
            reason,
            count,
            place.topic,
            place.partition,
            first.record.offset,
            first.tenant.org_id if first.tenant else "unknown",
            base_of(place.topic),
            extra={
                "org_id": first.tenant.org_id if first.tenant else None,
                "topic": place.topic,
                "partition": place.partition,
                "offset": first.record.offset,
                "reason": str(reason),
                "count": count,
            },
        )


def _written(place: Place, group: Sequence[Refusal]) -> Written:
    first = group[0]
    return Written(
        org_id=first.tenant.org_id if first.tenant else OPERATOR,
        id=uuid4(),
        project_id=first.tenant.project_id if first.tenant else None,
        topic=place.topic,
        partition=place.partition,
        offset=first.record.offset,
        timestamp_ms=first.record.timestamp,
        reason=str(first.reason),
        indices=sorted({index for refusal in group for index in refusal.indices}),
        key_id=_key_id(first.record.headers),
    )


def _letter(refusal: Refusal, written: Written, seal: Fernet) -> Letter:
    headers = {
        "augentis-letter": str(written.id),
        "augentis-reason": written.reason,
        "augentis-topic": written.topic,
        "augentis-partition": str(written.partition),
        "augentis-offset": str(written.offset),
        "augentis-timestamp": str(written.timestamp_ms),
        "augentis-indices": json.dumps(written.indices),
    }
    if written.project_id:
        headers |= {"augentis-org": str(written.org_id), "augentis-project": str(written.project_id)}
    if written.key_id:
        headers["augentis-key-id"] = str(written.key_id)
    batch_id = batch_of(refusal.record.headers)
    if batch_id:
        headers[BATCH_HEADER] = str(batch_id)
    return Letter(
        org_id=written.org_id,
        topic=f"{base_of(written.topic)}.dlq",
        key=refusal.record.key,
        value=seal.encrypt(refusal.record.value or b""),
        headers=headers,
        sealed=True,
    )


def _key_id(headers: Headers) -> UUID | None:
    """Return the id that the record's ingest key names: the key itself goes nowhere."""
    return machine_keys.parse(_text(headers, KEY_HEADER))


def _text(headers: Headers, wanted: str) -> str:
    return next((value.decode("ascii", "ignore") for name, value in headers if name == wanted), "")
