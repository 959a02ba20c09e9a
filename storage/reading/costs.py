"""What agents cost, as it was rolled up: by organisation, project, phase or agent (DataModel.md 14)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Date,
    Numeric,
    Row,
    Select,
    Text,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage.reading.pages import Orders, Slice, page_of
from storage.tables import CostPending, CostTracking


class By(StrEnum):
    """Of what the costs are added up."""

    ORGANIZATION = "organization"
    PROJECT = "project"
    PHASE = "phase"
    AGENT = "agent"


_KEYS: dict[By, InstrumentedAttribute[Any]] = {
    By.ORGANIZATION: CostTracking.org_id,
    By.PROJECT: CostTracking.project_id,
    By.PHASE: CostTracking.phase,
    By.AGENT: CostTracking.agent_id,
}
_START, _PLACE, _MODEL = column("period_start", Date), column("place", Text), column("model", Text)
_COST = column("cost_usd", Numeric)
_KEY, _TOKENS, _COUNT = (
    column("key", Text),
    column("tokens_used", BigInteger),
    column("executions", BigInteger),
)
ORDERS: Orders = {
    "period_start": (_START, _PLACE, _MODEL),
    "cost_usd": (_COST, _START, _PLACE, _MODEL),
}


@dataclass(frozen=True)
class Wanted:
    """Which costs. `since` and `until` (exclusive) are about the first day of a period.

    `models`: those of each model apart.
    """

    by: By = By.ORGANIZATION
    period: str = "monthly"
    since: date | None = None
    until: date | None = None
    project_id: UUID | None = None
    models: bool = False


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> Sequence[Row[Any]]:
    """Return a part of the costs: period_start, key, model ('' where not told apart), tokens, cost, count."""
    key = cast(_KEYS[wanted.by], Text)
    # Agents in the order of their numbers: 2 before 10.
    place = func.lpad(key, 3, "0") if wanted.by is By.AGENT else key
    model = CostTracking.model_used if wanted.models else literal("")
    told = (CostTracking.period_start, key.label("key"), model.label("model"), place.label("place"))
    sums: Select[Any] = select(*told, *_SUMS)
    grouped = _of(sums, org_id, wanted).group_by(
        CostTracking.period_start, key, *([CostTracking.model_used] if wanted.models else [])
    )
    shown = select(_START, _KEY, _MODEL, _PLACE, _TOKENS, _COST, _COUNT)
    return await page_of(session, shown.select_from(grouped.subquery("costs")), part)


async def totals(session: AsyncSession, org_id: UUID, wanted: Wanted) -> Row[Any]:
    """Return tokens, cost and count of all that is wanted, whatever the page."""
    query: Select[Any] = select().add_columns(*_SUMS)
    found: Row[Any] = (await session.execute(_of(query, org_id, wanted))).one()
    return found


async def pending_since(session: AsyncSession, org_id: UUID, project_id: UUID | None) -> datetime | None:
    """Return since when executions wait to be rolled up; None: all that ended are in."""
    query = select(func.min(CostPending.marked_at)).where(CostPending.org_id == org_id)
    if project_id is not None:
        query = query.where((CostPending.project_id == project_id) | CostPending.project_id.is_(None))
    return await session.scalar(query)


_SUMS = tuple(
    func.coalesce(func.sum(summed), 0).cast(kind).label(name)
    for name, summed, kind in (
        ("tokens_used", CostTracking.tokens_used, BigInteger),
        ("cost_usd", CostTracking.cost_usd, Numeric(38, 12)),
        ("executions", CostTracking.executions, BigInteger),
    )
)


def _of(query: Select[Any], org_id: UUID, wanted: Wanted) -> Select[Any]:
    query = query.where(CostTracking.org_id == org_id, CostTracking.aggregated_at == wanted.period)
    if wanted.since:
        query = query.where(CostTracking.period_start >= wanted.since)
    if wanted.until:
        query = query.where(CostTracking.period_start < wanted.until)
    if wanted.project_id is not None:
        query = query.where(CostTracking.project_id == wanted.project_id)
    return query
