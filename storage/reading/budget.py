"""The false alarms that an organisation takes, and those it was told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import AssumptionRow, DivergenceReport, Organization

TOLD_WITHIN = timedelta(days=365)


@dataclass(frozen=True)
class Budget:
    """The budget, who shares it, and what was told since `since`.

    Each live assumption, those in shadow too, has the same share: none where there is none. A report is
    counted once: as `shadow_alarms`, else as `launch_alarms`, else as `alarms`; found in history, not at all.
    """

    alarms_per_year: float
    live_assumptions: int
    shadow_assumptions: int
    share: float | None
    since: datetime
    alarms: int
    launch_alarms: int
    shadow_alarms: int


def share(org_id: UUID) -> ColumnElement[float | None]:
    """Return the alarms a year that a live assumption has of its organisation's budget; null for others."""
    live = select(func.count()).where(AssumptionRow.org_id == org_id, _is_live()).scalar_subquery()
    budget = select(Organization.alarms_per_year).where(Organization.id == org_id).scalar_subquery()
    return case((_is_live(), budget / func.nullif(live, 0)))


async def budget(session: AsyncSession, org_id: UUID, now: datetime) -> Budget:
    """Return the organisation's budget; the session has to see all of the organisation."""
    has = await session.scalars(select(Organization.alarms_per_year).where(Organization.id == org_id))
    alarms_per_year = has.one()
    live, in_shadow = await _live(session, org_id)
    since = now - TOLD_WITHIN
    return Budget(
        alarms_per_year,
        live,
        in_shadow,
        alarms_per_year / live if live else None,
        since,
        *await _told(session, org_id, since),
    )


def _is_live() -> ColumnElement[bool]:
    return and_(AssumptionRow.superseded_at.is_(None), AssumptionRow.effective_from <= func.now())


async def _live(session: AsyncSession, org_id: UUID) -> tuple[int, int]:
    ends = AssumptionRow.effective_from + func.make_interval(0, 0, 0, 0, 24 * AssumptionRow.shadow_days)
    count = func.count()
    query = select(count, count.filter(func.now() < ends)).where(AssumptionRow.org_id == org_id, _is_live())
    live, in_shadow = (await session.execute(query)).one()
    return live, in_shadow


async def _told(session: AsyncSession, org_id: UUID, since: datetime) -> tuple[int, int, int]:
    shadow, launch, count = DivergenceReport.shadow, DivergenceReport.launch, func.count()
    query = select(count.filter(~shadow, ~launch), count.filter(~shadow, launch), count.filter(shadow)).where(
        DivergenceReport.org_id == org_id,
        DivergenceReport.detected_at >= since,
        ~DivergenceReport.historical,
    )
    steady, at_launch, silent = (await session.execute(query)).one()
    return steady, at_launch, silent
