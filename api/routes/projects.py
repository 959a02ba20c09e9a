from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, Field, TypeAdapter

from api import problems, routing
from api.answers import answers
from api.caller import Caller, Member
from api.paging import Page, Paging, cut
from api.parameters import Label, Since, Until
from api.problems import ProblemError
from api.schemas import Artifact, Project, Telemetry
from metrics.names import Metric
from storage.reading import artifacts, open_hours, projects, telemetry

router = routing.router("/v1/projects", "projects")

_BY_TIME = TypeAdapter(tuple[AwareDatetime, UUID])
_BY_SERIES = TypeAdapter(tuple[AwareDatetime, Label, Label, Label])


class ProjectFilters(Paging):
    """Which projects."""

    is_archived: bool = False


class TelemetryFilters(Paging):
    """Which hours; a cohort or feature of '' is the unspecified one."""

    metric_name: Metric | None = None
    cohort: Label | None = None
    feature: Label | None = None
    since: Since | None = None
    until: Until | None = None
    include: Annotated[
        Literal["open"] | None, Field(description="`open` adds the current hours, as far as they are known")
    ] = None


class ArtifactFilters(Paging):
    """Which versions."""

    type: Label | None = None
    key: Label | None = None
    status: Label | None = None


@router.get("", response_model=Page[Project])
async def list_projects(caller: Member, filters: Annotated[ProjectFilters, Query()]) -> object:
    """List the organisation's projects, newest first."""
    rows = await projects.listed(
        caller.session,
        caller.org_id,
        is_archived=filters.is_archived,
        after=filters.after(_BY_TIME),
        limit=filters.limit,
    )
    return cut(rows, filters.limit, lambda row: (row.created_at, row.id), Project)


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
    after = filters.after(_BY_SERIES)
    current = []
    if filters.include:
        current = await open_hours.listed(caller.session, caller.org_id, project_id, wanted, after=after)
    rows = await telemetry.listed(
        caller.session, caller.org_id, project_id, wanted, after=after, limit=filters.limit
    )
    found = [*current, *rows][: filters.limit + 1]
    return cut(found, filters.limit, open_hours.place, Telemetry)


@router.get("/{project_id}/artifacts", response_model=Page[Artifact], responses=answers(problems.NOT_FOUND))
async def list_artifacts(
    caller: Member, project_id: UUID, filters: Annotated[ArtifactFilters, Query()]
) -> object:
    """List a project's artifact versions without their content, newest first."""
    await _project(caller, project_id)
    rows = await artifacts.listed(
        caller.session,
        caller.org_id,
        project_id,
        artifacts.Wanted(filters.type, filters.key, filters.status),
        after=filters.after(_BY_TIME),
        limit=filters.limit,
    )
    return cut(rows, filters.limit, lambda row: (row.created_at, row.id), Artifact)


async def _project(caller: Caller, project_id: UUID) -> object:
    project = await projects.one(caller.session, caller.org_id, project_id)
    if project is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such project")
    return project
