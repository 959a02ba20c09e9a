from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query

from api import problems, routing
from api.answers import answers
from api.caller import Member
from api.paging import Page, Paging
from api.parameters import Label, Since, sorts
from api.routes import lookup
from api.schemas import Series
from metrics.names import Metric
from storage.reading import series
from storage.reading.pages import Orders

router = routing.router("/v1/projects/{project_id}/series", "telemetry")


class SeriesFilters(Paging):
    """Which series; `since` is about `last_hour`; a cohort or feature of '' is the unspecified one."""

    orders: ClassVar[Orders] = series.ORDERS

    metric_name: Metric | None = None
    cohort: Label | None = None
    feature: Label | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(series.ORDERS)] = "metric_name"


@router.get("", response_model=Page[Series], responses=answers(problems.NOT_FOUND))
async def list_series(caller: Member, project_id: UUID, filters: Annotated[SeriesFilters, Query()]) -> object:
    """List the series that a project has sent, and the newest hour of each."""
    await lookup.project(caller, project_id)
    wanted = series.Wanted(filters.metric_name, filters.cohort, filters.feature, filters.since)
    rows = await series.listed(caller.session, caller.org_id, project_id, wanted, filters.part())
    return filters.page(rows, Series)
