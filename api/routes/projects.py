from typing import Annotated, ClassVar, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from api import problems, routing
from api.answers import answers
from api.caller import Caller, Member
from api.paging import Page, Paging
from api.parameters import Label, Since, Until
from api.problems import ProblemError
from api.schemas import Artifact, Project, Telemetry
from metrics.names import Metric
from storage.reading import artifacts, open_hours, projects, telemetry
from storage.reading.pages import Orders

router = routing.router("/v1/projects", "projects")


class ProjectFilters(Paging):
    """Which projects; `since` is about `created_at`."""

    orders: ClassVar[Orders] = projects.ORDERS

    is_archived: bool = False
    workspace_id: UUID | None = None
    since: Since | None = None
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"] = "-created_at"


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
    sort: Literal["timestamp", "-timestamp"] = "-timestamp"


class ArtifactFilters(Paging):
    """Which versions; `since` is about `created_at`."""

    orders: ClassVar[Orders] = artifacts.ORDERS

    type: Label | None = None
    key: Label | None = None
    status: Label | None = None
    since: Since | None = None
    sort: Literal["created_at", "-created_at", "type", "-type", "version", "-version"] = "-created_at"


@router.get("", response_model=Page[Project])
async def list_projects(caller: Member, filters: Annotated[ProjectFilters, Query()]) -> object:
    """List the organisation's projects, newest first."""
    wanted = projects.Wanted(filters.is_archived, filters.workspace_id, filters.since)
    rows = await projects.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, Project)


@router.get("/{project_id}", response_model=Project, responses=answers(problems.NOT_FOUND))
async def read_project(caller: Member, project_id: UUID) -> object:
    """Read a project."""
    return await _project(caller, project_id)


@router.get("/{project_id}/telemetry", response_model=Page[Telemetry], responses=answers(problems.NOT_FOUND))
async def list_telemetry(
    caller: Member, project_id: UUID, filters: Annotated[TelemetryFilters, Query()]
) -> object:
    """List a project's hourly telemetry, newest hour first."""
    await _project(caller, project_id)
    wanted = telemetry.Wanted(
        filters.metric_name, filters.cohort, filters.feature, filters.since, filters.until
    )
    asked = (caller.session, caller.org_id, project_id, wanted, filters.part())
    rows = await telemetry.listed(*asked)
    current = await open_hours.listed(*asked) if filters.include else []
    # Open hours are later than all closed ones.
    found = [*current, *rows] if filters.sort == "-timestamp" else [*rows, *current]
    return filters.page(found, Telemetry)


@router.get("/{project_id}/artifacts", response_model=Page[Artifact], responses=answers(problems.NOT_FOUND))
async def list_artifacts(
    caller: Member, project_id: UUID, filters: Annotated[ArtifactFilters, Query()]
) -> object:
    """List a project's artifact versions without their content, newest first."""
    await _project(caller, project_id)
    wanted = artifacts.Wanted(filters.type, filters.key, filters.status, filters.since)
    rows = await artifacts.listed(caller.session, caller.org_id, project_id, wanted, filters.part())
    return filters.page(rows, Artifact)


async def _project(caller: Caller, project_id: UUID) -> object:
    project = await projects.one(caller.session, caller.org_id, project_id)
    if project is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such project")
    return project
