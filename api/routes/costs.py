from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api import routing
from api.caller import Member
from api.paging import Paging
from api.parameters import Day, OneOf, sorts
from api.schemas.costs import Cost, CostPage, CostSums
from storage.reading import costs
from storage.reading.costs import By
from storage.reading.pages import Orders
from storage.tables.costs import PERIODS

router = routing.router("/v1/costs", "costs")


class CostFilters(Paging):
    """Which costs. Days are those of the organisation's time zone."""

    orders: ClassVar[Orders] = costs.ORDERS

    by: By = By.ORGANIZATION
    period: Annotated[str, OneOf(PERIODS)] = "monthly"
    since: Annotated[Day | None, Field(description="periods that begin on this day or later")] = None
    until: Annotated[Day | None, Field(description="periods that begin before this day")] = None
    project_id: UUID | None = None
    models: Annotated[bool, Field(description="true: an item for each model")] = False
    sort: Annotated[str, sorts(costs.ORDERS)] = "-period_start"


@router.get("", response_model=CostPage)
async def list_costs(caller: Member, filters: Annotated[CostFilters, Query()]) -> object:
    """List what agents cost: by organisation, project, phase or agent, and by month, week or day.

    Costs are rolled up from the executions that ended, about once a minute; `pending_since` says whether some
    are still to come.
    """
    wanted = costs.Wanted(
        filters.by, filters.period, filters.since, filters.until, filters.project_id, filters.models
    )
    # Asked first: what is rolled up meanwhile may be in, and still be told as pending, never the reverse.
    pending = await costs.pending_since(caller.session, caller.org_id, wanted.project_id)
    rows = await costs.listed(caller.session, caller.org_id, wanted, filters.part())
    totals = await costs.totals(caller.session, caller.org_id, wanted)
    return {
        **filters.page(rows, Cost),
        "totals": CostSums.model_validate(totals),
        "pending_since": pending,
    }
