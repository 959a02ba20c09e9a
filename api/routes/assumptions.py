from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api import problems, routing
from api.answers import answers
from api.caller import Member
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import Assumption
from metrics.names import Metric
from storage.reading import assumptions
from storage.reading.pages import Orders

router = routing.router("/v1", "assumptions")


class AssumptionFilters(Paging):
    """Which assumptions; `since` is about `created_at`."""

    orders: ClassVar[Orders] = assumptions.ORDERS

    artifact_id: UUID | None = None
    metric_name: Metric | None = None
    is_superseded: Annotated[
        bool | None, Field(description="false: those that are watched; true: those of older versions")
    ] = None
    since: Since | None = None
    sort: Annotated[str, sorts(assumptions.ORDERS)] = "-created_at"


@router.get(
    "/projects/{project_id}/assumptions",
    response_model=Page[Assumption],
    responses=answers(problems.NOT_FOUND),
)
async def list_assumptions(
    caller: Member, project_id: UUID, filters: Annotated[AssumptionFilters, Query()]
) -> object:
    """List the assumptions of a project's approved versions, each with what detection says of it."""
    await lookup.project(caller, project_id)
    wanted = assumptions.Wanted(
        filters.artifact_id, filters.metric_name, filters.is_superseded, filters.since
    )
    rows = await assumptions.listed(
        caller.session, caller.org_id, project_id, wanted, filters.part(), sees_all=caller.sees_all
    )
    return filters.page(rows, Assumption)


@router.get("/assumptions/{assumption_id}", response_model=Assumption, responses=answers(problems.NOT_FOUND))
async def read_assumption(caller: Member, assumption_id: UUID) -> object:
    """Read an assumption as it is, or was, watched, with what detection says of it."""
    row = await assumptions.one(caller.session, caller.org_id, assumption_id, sees_all=caller.sees_all)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such assumption")
    return row
