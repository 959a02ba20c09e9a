from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page_of
from storage.tables import CascadeAnalysis, DivergenceReport

ORDERS: Orders = {
    "detected_at": (DivergenceReport.detected_at, DivergenceReport.id),
    "created_at": (DivergenceReport.created_at, DivergenceReport.id),
    "relative_gap": (DivergenceReport.relative_gap, DivergenceReport.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which reports: None says all; `since` is about `detected_at`, inclusive.

    Those of assumptions that ran silently are a list of their own (`shadow`).
    """

    project_id: UUID | None = None
    divergence_type: str | None = None
    classification: str | None = None
    status: str | None = None
    since: datetime | None = None
    incident_id: UUID | None = None
    shadow: bool = False


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> Sequence[Row[Any]]:
    """Return a part of the organisation's reports."""
    query = select(*DivergenceReport.__table__.columns).where(
        DivergenceReport.org_id == org_id, DivergenceReport.shadow.is_(wanted.shadow)
    )
    for column in ("project_id", "divergence_type", "classification", "status", "incident_id"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(DivergenceReport, column) == value)
    if wanted.since:
        query = query.where(DivergenceReport.detected_at >= wanted.since)
    return await page_of(session, query, part)


async def one(
    session: AsyncSession, org_id: UUID, report_id: UUID
) -> tuple[DivergenceReport, CascadeAnalysis | None] | None:
    """Return the report and its cascade, if they are there and within sight."""
    query = (
        select(DivergenceReport, CascadeAnalysis)
        .outerjoin(
            CascadeAnalysis,
            (CascadeAnalysis.org_id == DivergenceReport.org_id)
            & (CascadeAnalysis.divergence_id == DivergenceReport.id),
        )
        .where(DivergenceReport.org_id == org_id, DivergenceReport.id == report_id)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])
