"""The audit log's chain: exported as it stands, its ends told, what it came to before months are dropped."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from governance.records import FORMAT, START, Checkpoint, Head
from governance.signing import instant, sign
from storage.ledger import Connection
from storage.secrets import derive

_AT_ONCE = 500
# One statement, and so of one moment: an entry and its link are both there, or neither.
_EXPORT = text(
    """SELECT jsonb_build_object('kind', 'link', 'text', auth.audit_link_text(l),
                                 'hash', encode(l.hash, 'hex'))
       FROM audit_link AS l
       WHERE l.org_id = :org AND (CAST(:since AS timestamptz) IS NULL OR l.sequence >= (
           SELECT min(sequence) FROM audit_link WHERE org_id = :org AND began >= CAST(:since AS timestamptz)))
       UNION ALL
       SELECT jsonb_build_object('kind', 'entry', 'text', auth.audit_text(e), 'link_id', e.link_id,
                                 'place', e.place,
                                 'client', CASE WHEN e.client_salt IS NOT NULL OR e.ip_address IS NOT NULL
                                                  OR e.user_agent IS NOT NULL
                                           THEN auth.audit_client_text(e.ip_address, e.user_agent) END,
                                 'client_salt', encode(e.client_salt, 'hex'), 'personal', e.personal::text,
                                 'personal_salt', encode(e.personal_salt, 'hex'))
       FROM audit_log AS e
       WHERE e.org_id = :org AND e.timestamp >= coalesce(CAST(:since AS timestamptz), '-infinity')"""
)
_CHECKPOINTS = text(
    """SELECT org_id, dropped_before, sequence, hash, entries, made_at, signature FROM audit_checkpoint
       WHERE org_id = :org ORDER BY dropped_before"""
)


def seed(secret: str) -> bytes:
    """Return what the key stands for that signs checkpoints and heads; no database holds it."""
    return derive(secret, "audit")


async def export(
    session: AsyncSession, org_id: UUID, since: datetime | None
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the lines of an export of one organisation's log, as whoever asks may see it."""
    yield {"kind": FORMAT, "org_id": str(org_id), "since": instant(since) if since else None}
    lines = 0
    for row in await session.execute(_CHECKPOINTS, {"org": org_id}):
        lines += 1
        made = _checkpoint(row)
        yield {
            "kind": "checkpoint",
            **vars(made),
            "hash": made.hash.hex(),
            "signature": made.signature.hex(),
        }
    found = await session.stream_scalars(
        _EXPORT, {"org": org_id, "since": since}, execution_options={"yield_per": _AT_ONCE}
    )
    async for line in found:
        lines += 1
        yield line
    yield {"kind": "end", "lines": lines}


def _checkpoint(row: Any) -> Checkpoint:
    return Checkpoint(
        str(row.org_id),
        instant(row.dropped_before),
        row.sequence,
        row.hash,
        row.entries,
        instant(row.made_at),
        row.signature,
    )


async def moved(connection: Connection, secret: str, now: datetime) -> list[Head]:
    """Return the signed heads of the chains that have grown since they were last told."""
    rows = await connection.fetch(
        """SELECT c.org_id, l.sequence, l.hash FROM audit_chain AS c
           CROSS JOIN LATERAL (SELECT * FROM audit_link WHERE org_id = c.org_id
                               ORDER BY sequence DESC LIMIT 1) AS l
           LEFT JOIN audit_head AS h ON h.org_id = c.org_id
           WHERE l.sequence > coalesce(h.sequence, 0) ORDER BY c.org_id"""
    )
    found = []
    for row in rows:
        head = Head(str(row["org_id"]), row["sequence"], row["hash"], instant(now))
        found.append(Head(head.org_id, head.sequence, head.hash, head.at, sign(seed(secret), head.text)))
    return found


async def note_told(connection: Connection, heads: Sequence[Head], now: datetime) -> None:
    """Note that these heads are told: each is told once."""
    await connection.executemany(
        """INSERT INTO audit_head (org_id, sequence, hash, told_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (org_id) DO UPDATE SET sequence = $2, hash = $3, told_at = $4""",
        [(UUID(head.org_id), head.sequence, head.hash, now) for head in heads],
    )


async def checkpoint(connection: Connection, secret: str, before: datetime, now: datetime) -> int:
    """Sign what each chain comes to at the start of a month (UTC), before what is older goes.

    Up to the first link that is not older: those go whole. Returns how many were signed that were not yet.
    """
    rows = await connection.fetch(
        """SELECT c.org_id, coalesce(l.sequence, 0) AS sequence, l.hash,
                  coalesce(p.entries, 0) + (
                      SELECT coalesce(sum(octet_length(n.leaves) / 32), 0) FROM audit_link AS n
                      WHERE n.org_id = c.org_id AND n.sequence > coalesce(p.sequence, 0)
                        AND n.sequence <= l.sequence)::bigint AS entries
           FROM audit_chain AS c
           LEFT JOIN LATERAL (
               SELECT * FROM audit_link WHERE org_id = c.org_id AND sequence < coalesce(
                   (SELECT min(sequence) FROM audit_link WHERE org_id = c.org_id AND began >= $1),
                   9223372036854775807)
               ORDER BY sequence DESC LIMIT 1) AS l ON true
           LEFT JOIN LATERAL (SELECT * FROM audit_checkpoint WHERE org_id = c.org_id
                              ORDER BY dropped_before DESC LIMIT 1) AS p ON true
           WHERE EXISTS (SELECT FROM audit_link WHERE org_id = c.org_id AND began < $1)
             AND coalesce(p.dropped_before < $1, true)""",
        before,
    )
    await connection.executemany(
        """INSERT INTO audit_checkpoint (org_id, dropped_before, sequence, hash, entries, made_at, signature)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
        [_signed(row, secret, before, now) for row in rows],
    )
    return len(rows)


def _signed(row: Any, secret: str, before: datetime, now: datetime) -> tuple[Any, ...]:
    made = Checkpoint(
        str(row["org_id"]),
        instant(before),
        row["sequence"],
        row["hash"] or START,
        row["entries"],
        instant(now),
        b"",
    )
    signature = sign(seed(secret), made.text)
    return row["org_id"], before, made.sequence, made.hash, made.entries, now, signature


async def drop_links(connection: Connection) -> int:
    """Drop the links whose entries are gone, all but the last one of each chain; return how many."""
    return int(await connection.fetchval("SELECT auth.drop_audit_links()"))
