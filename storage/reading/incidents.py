"""Incidents: reports that share a root, one row each (`detectors.incidents` says which do)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, case, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from detectors.divergence import Classification
from detectors.incidents import incident_id
from storage.reading.pages import Orders, Slice, page_of
from storage.tables import DivergenceReport as Report
from storage.tables.findings import UNRESOLVED_STATES

_WORST_LAST = tuple(Classification)


def _in_order(column: InstrumentedAttribute[UUID]) -> ColumnElement[Any]:
    return func.array_agg(aggregate_order_by(column, Report.detected_at, Report.id))


# Nobody is told of a silent assumption's report: it may be the root, and is not counted.
_TOLD = ~Report.shadow
_GROUPED = (
    select(
        Report.org_id,
        Report.project_id,
        Report.incident_id.label("id"),
        func.min(Report.detected_at).filter(_TOLD).label("detected_at"),
        func.count().filter(_TOLD).label("reports"),
        func.count().filter(_TOLD, Report.state.in_(UNRESOLVED_STATES)).label("open_reports"),
        func.max(case({kind: rank for rank, kind in enumerate(_WORST_LAST)}, value=Report.classification))
        .filter(_TOLD)
        .label("worst"),
        _in_order(Report.id).label("report_ids"),
        _in_order(Report.artifact_id).label("artifact_ids"),
    )
    .where(Report.incident_id.is_not(None), Report.status != "SUPERSEDED")
    .group_by(Report.org_id, Report.project_id, Report.incident_id)
    .having(func.bool_or(_TOLD))
    .subquery()
)
ORDERS: Orders = {"detected_at": (_GROUPED.c.detected_at, _GROUPED.c.id)}


@dataclass(frozen=True)
class Wanted:
    """Which incidents: None says all; `since` is about `detected_at`, inclusive."""

    project_id: UUID | None = None
    is_open: bool | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Incident:
    """Reports that share a root: the artifact that it is about, and when the first of them was detected."""

    id: UUID
    org_id: UUID
    project_id: UUID
    root_report_id: UUID
    root_artifact_id: UUID
    detected_at: datetime
    reports: int
    open_reports: int
    classification: Classification


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[Incident]:
    """Return a part of the organisation's incidents, `limit` + 1 at most."""
    query = select(*_GROUPED.c).where(_GROUPED.c.org_id == org_id)
    if wanted.project_id is not None:
        query = query.where(_GROUPED.c.project_id == wanted.project_id)
    if wanted.is_open is not None:
        query = query.where((_GROUPED.c.open_reports > 0) == wanted.is_open)
    if wanted.since:
        query = query.where(_GROUPED.c.detected_at >= wanted.since)
    return [_incident(row) for row in await page_of(session, query, part)]


def _incident(row: Row[Any]) -> Incident:
    members: Sequence[tuple[UUID, UUID]] = list(zip(row.report_ids, row.artifact_ids, strict=True))
    report, artifact = next((each for each in members if incident_id(each[0]) == row.id), members[0])
    return Incident(
        row.id,
        row.org_id,
        row.project_id,
        report,
        artifact,
        row.detected_at,
        row.reports,
        row.open_reports,
        _WORST_LAST[row.worst],
    )
