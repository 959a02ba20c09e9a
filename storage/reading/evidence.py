from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import Evidence

ORDERS: Orders = {
    "created_at": (Evidence.created_at, Evidence.id),
    "confidence_score": (Evidence.confidence_score, Evidence.id),
    "evidence_count": (Evidence.evidence_count, Evidence.id),
}
_LADDER = text(
    """SELECT evidence_tier_of(:org_id, :artifact_id) AS evidence_tier, r.*
       FROM evidence_rungs_of(:org_id, :artifact_id) AS r ORDER BY r.tier"""
)


@dataclass(frozen=True)
class Wanted:
    """Which pieces: None says all; `since` is about `created_at`, inclusive."""

    source: str | None = None
    escalation_status: str | None = None
    since: datetime | None = None


async def listed(
    session: AsyncSession, org_id: UUID, artifact_id: UUID, wanted: Wanted, part: Slice
) -> list[Evidence]:
    """Return a part of the evidence for an artifact version."""
    query = select(Evidence).where(Evidence.org_id == org_id, Evidence.artifact_id == artifact_id)
    for column in ("source", "escalation_status"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(Evidence, column) == value)
    if wanted.since:
        query = query.where(Evidence.created_at >= wanted.since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, evidence_id: UUID) -> Evidence | None:
    """Return the piece of evidence, if it is there and within sight."""
    query = select(Evidence).where(Evidence.org_id == org_id, Evidence.id == evidence_id)
    return (await session.scalars(query)).one_or_none()


async def ladder(session: AsyncSession, org_id: UUID, artifact_id: UUID) -> Sequence[Row[Any]]:
    """Return the rungs, E1 to E4: `tier`, `held`, `evidence`, `waiting`, `missing`.

    Each with the `evidence_tier` that evidence supports. The rules are SQL (`evidence_rungs_of`).
    """
    asked = {"org_id": org_id, "artifact_id": artifact_id}
    return (await session.execute(_LADDER, asked)).all()
