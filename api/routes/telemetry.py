from typing import Annotated, ClassVar, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api import problems, routing
from api.answers import answers
from api.caller import Member
from api.paging import Page, Paging
from api.parameters import Label, Since, Until, sorts
from api.routes import lookup
from api.schemas import Telemetry
from metrics.names import Metric
from storage.reading import open_hours, telemetry
from storage.reading.pages import Orders

router = routing.router("/v1/projects/{project_id}/telemetry", "telemetry")


class TelemetryFilters(Paging):
    """Which hours; a cohort or feature of '' is the unspecified one."""

    orders: ClassVar[Orders] = telemetry.ORDERS

    metric_name: Metric | None = None
    cohort: Label | None = None
    feature: Label | None = None
    since: Since | None = None
    until: Until | None = None
    include: Annotated[
        Literal["open"] | None, Field(description="`open` adds the current hours, as far as they are known")
    ] = None
    sort: Annotated[str, sorts(telemetry.ORDERS)] = "-timestamp"


@router.get("", response_model=Page[Telemetry], responses=answers(problems.NOT_FOUND))
async def list_telemetry(
    caller: Member, project_id: UUID, filters: Annotated[TelemetryFilters, Query()]
) -> object:
    """List a project's hourly telemetry, newest hour first unless `sort` says otherwise."""
    wanted = telemetry.Wanted(
        filters.metric_name, filters.cohort, filters.feature, filters.since, filters.until
    )
    asked = (caller.session, caller.org_id, project_id, wanted, filters.part())
    rows = await telemetry.listed(*asked)
    current = await open_hours.listed(*asked) if filters.include else []
    if not rows and not current:
        # Rows in sight are a project's in sight: only where there is none it must be looked for.
        await lookup.project(caller, project_id)
    # Open hours are later than all closed ones.
    found = [*current, *rows] if filters.sort == "-timestamp" else [*rows, *current]
    return filters.page(found, Telemetry)
