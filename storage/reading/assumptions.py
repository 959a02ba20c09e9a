"""Assumptions, with what detection last said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, case, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.budget import share
from storage.reading.pages import Orders, Slice, page_of
from storage.tables import AssumptionRow, DetectorState, DivergenceReport

ORDERS: Orders = {
    "created_at": (AssumptionRow.created_at, AssumptionRow.id),
    "effective_from": (AssumptionRow.effective_from, AssumptionRow.id),
    "key": (AssumptionRow.key, AssumptionRow.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which assumptions: None says all; `since` is about `created_at`, inclusive."""

    artifact_id: UUID | None = None
    metric_name: str | None = None
    is_superseded: bool | None = None
    since: datetime | None = None


async def listed(
    session: AsyncSession,
    org_id: UUID,
    project_id: UUID,
    wanted: Wanted,
    part: Slice,
    *,
    sees_all: bool,
) -> Sequence[Row[Any]]:
    """Return a part of the assumptions of the project's approved versions; `sees_all` as in `one`."""
    query = _shown(org_id, sees_all=sees_all).where(AssumptionRow.project_id == project_id)
    for column in ("artifact_id", "metric_name"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(AssumptionRow, column) == value)
    if wanted.is_superseded is not None:
        query = query.where(AssumptionRow.superseded_at.is_not(None) == wanted.is_superseded)
    if wanted.since:
        query = query.where(AssumptionRow.created_at >= wanted.since)
    return await page_of(session, query, part)


async def one(session: AsyncSession, org_id: UUID, assumption_id: UUID, *, sees_all: bool) -> Row[Any] | None:
    """Return the assumption, if it is there and within sight.

    Its share of the alarm budget is told to who sees all of the organisation: by so many assumptions it is
    divided.
    """
    query = _shown(org_id, sees_all=sees_all).where(AssumptionRow.id == assumption_id)
    row: Row[Any] | None = (await session.execute(query)).one_or_none()
    return row


def _shown(org_id: UUID, *, sees_all: bool) -> Select[Any]:
    own = (DetectorState.org_id == AssumptionRow.org_id) & (DetectorState.assumption_id == AssumptionRow.id)
    columns = AssumptionRow.__table__.columns
    return (
        select(
            *columns,
            _runs(columns.launch_grace_days).label("in_launch_grace"),
            _runs(columns.shadow_days).label("in_shadow"),
            (share(org_id) if sees_all else literal(None)).label("alarms_per_year"),
            _detector().label("detector"),
        )
        .outerjoin(DetectorState, own)
        .where(AssumptionRow.org_id == org_id)
    )


def _runs(days: ColumnElement[int]) -> ColumnElement[bool]:
    """Say whether the first `days` days of an assumption, of 24 hours each, are not over yet."""
    ends = AssumptionRow.effective_from + func.make_interval(0, 0, 0, 0, 24 * days)
    return (func.now() >= AssumptionRow.effective_from) & (func.now() < ends)


def _detector() -> ColumnElement[Any]:
    """Return the detector's last verdict as an object, null for an assumption that no day was folded of.

    `detector_state.verdict` has `e_value`, `threshold`, `bound`, `mean`, `deviation` and `interval`, a pair.
    """
    diverged_since = (
        select(func.max(DivergenceReport.detected_at))
        .where(
            DivergenceReport.org_id == AssumptionRow.org_id,
            DivergenceReport.assumption_id == AssumptionRow.id,
            DivergenceReport.status == "OPEN",
        )
        .correlate(AssumptionRow)
        .scalar_subquery()
    )
    verdict = DetectorState.verdict
    known = func.jsonb_build_object(
        *("status", DetectorState.status),
        *("folded_through", DetectorState.folded_through),
        *("diverged_since", diverged_since),
        *("interval_low", verdict["interval"][0]),
        *("interval_high", verdict["interval"][1]),
    )
    told = func.coalesce(verdict, func.jsonb_build_object()).op("||")(known)
    return case((DetectorState.assumption_id.is_not(None), told)).cast(JSONB)
