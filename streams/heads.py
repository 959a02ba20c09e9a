"""The ends of the audit log's chains, told to Kafka: who changes the log cannot change what was told."""

import json
from datetime import datetime
from uuid import UUID

import asyncpg

from governance.records import Head
from settings import Settings
from storage import chain, outbox, turns
from storage.outbox import Letter

TOPIC = "audit_heads"
_TURN = "telling the ends of the audit log"


async def tell(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Write the signed heads of the chains that have grown into the outbox."""
    async with pool.acquire() as connection, connection.transaction():
        if await turns.taken(connection, _TURN):
            heads = await chain.moved(connection, settings.need("secret_key"), now)
            await outbox.put(connection, [_letter(head) for head in heads])
            await chain.note_told(connection, heads, now)


def _letter(head: Head) -> Letter:
    value = json.dumps(head.fields(), separators=(",", ":")).encode()
    return Letter(UUID(head.org_id), TOPIC, value, head.org_id.encode())
