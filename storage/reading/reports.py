from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page_of
from storage.tables import CascadeAnalysis, DivergenceReport, ReportEvent

ORDERS: Orders = {
    "detected_at": (DivergenceReport.detected_at, DivergenceReport.id),
    "created_at": (DivergenceReport.created_at, DivergenceReport.id),
    "relative_gap": (DivergenceReport.relative_gap, DivergenceReport.id),
}
TIMELINE_ORDERS: Orders = {"sequence": (ReportEvent.sequence, ReportEvent.id)}
# What the data say goes before what a person has said.
_BY_DATA = DivergenceReport.status != "OPEN"
_SAID_TOGETHER = {
    "status": DivergenceReport.state,
    "resolved_at": case((_BY_DATA, DivergenceReport.resolved_at), else_=DivergenceReport.closed_at),
    "resolution": case(
        (_BY_DATA, DivergenceReport.resolution), (DivergenceReport.closed_at.is_not(None), "person")
    ),
}
_SHOWN = [
    *(column for column in DivergenceReport.__table__.columns if column.name not in _SAID_TOGETHER),
    *(said.label(name) for name, said in _SAID_TOGETHER.items()),
]


@dataclass(frozen=True)
class Wanted:
    """Which reports: None says all; `since` is about `detected_at`, inclusive.

    `status` is what data and people have said together, `storage.tables.DivergenceReport.state`.
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
    query = select(*_SHOWN).where(
        DivergenceReport.org_id == org_id, DivergenceReport.shadow.is_(wanted.shadow)
    )
    for column in ("project_id", "divergence_type", "classification", "incident_id"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(DivergenceReport, column) == value)
    if wanted.status:
        query = query.where(DivergenceReport.state == wanted.status)
    if wanted.since:
        query = query.where(DivergenceReport.detected_at >= wanted.since)
    return await page_of(session, query, part)


async def bare(session: AsyncSession, org_id: UUID, report_id: UUID) -> Row[Any] | None:
    """Return the report without its cascade, if it is there and within sight."""
    query = select(*_SHOWN).where(DivergenceReport.org_id == org_id, DivergenceReport.id == report_id)
    return (await session.execute(query)).one_or_none()


async def cascade_of(session: AsyncSession, org_id: UUID, report_id: UUID) -> CascadeAnalysis | None:
    """Return what rests on the assumption of a report."""
    query = select(CascadeAnalysis).where(
        CascadeAnalysis.org_id == org_id, CascadeAnalysis.divergence_id == report_id
    )
    found: CascadeAnalysis | None = (await session.scalars(query)).one_or_none()
    return found


async def timeline(session: AsyncSession, org_id: UUID, report_id: UUID, part: Slice) -> Sequence[Row[Any]]:
    """Return a part of what became of a report."""
    query = select(*ReportEvent.__table__.columns).where(
        ReportEvent.org_id == org_id, ReportEvent.report_id == report_id
    )
    return await page_of(session, query, part)
