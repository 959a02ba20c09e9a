from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Member
from api.etags import IfMatch
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.routes import lookup
from api.schemas import NewProject, Project, ProjectChange
from storage.entities import projects as writing
from storage.reading import projects
from storage.reading.pages import Orders

router = routing.router("/v1/projects", "projects")


class ProjectFilters(Paging):
    """Which projects; `since` is about `created_at`."""

    orders: ClassVar[Orders] = projects.ORDERS

    is_archived: bool = False
    workspace_id: UUID | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(projects.ORDERS)] = "-created_at"


@router.get("", response_model=Page[Project])
async def list_projects(caller: Member, filters: Annotated[ProjectFilters, Query()]) -> object:
    """List the organisation's projects, newest first unless `sort` says otherwise."""
    wanted = projects.Wanted(filters.is_archived, filters.workspace_id, filters.since)
    rows = await projects.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, Project)


@router.post(
    "",
    status_code=201,
    response_model=Project,
    responses=answers(problems.NAME_TAKEN, problems.PROJECT_LIMIT),
)
async def create_project(caller: Editor, response: Response, body: NewProject) -> object:
    """Make a project."""
    await lookup.workspace_of_body(caller, body.workspace_id)
    row = await writing.add(caller.session, caller.claims, **body.model_dump())
    etags.created(response, f"/v1/projects/{row.id}", row.version)
    return row


@router.get("/{project_id}", response_model=Project, responses=answers(problems.NOT_FOUND))
async def read_project(caller: Member, response: Response, project_id: UUID) -> object:
    """Read a project."""
    row = await lookup.project(caller, project_id)
    etags.mark(response, row.version)
    return row


@router.patch(
    "/{project_id}",
    response_model=Project,
    responses=answers(problems.NOT_FOUND, problems.NAME_TAKEN, problems.PROJECT_LIMIT),
)
async def change_project(
    caller: Editor, response: Response, expected: IfMatch, project_id: UUID, body: ProjectChange
) -> object:
    """Change a project, put it into the archive or take it out again."""
    changes = body.changes()
    if "workspace_id" in changes:
        await lookup.workspace_of_body(caller, changes["workspace_id"])
    row = await writing.edit(caller.session, caller.org_id, project_id, expected, changes)
    etags.mark(response, row.version)
    return row


@router.delete("/{project_id}", status_code=204, responses=answers(problems.NOT_FOUND))
async def archive_project(caller: Editor, expected: IfMatch, project_id: UUID) -> None:
    """Put a project into the archive: it is kept, and no longer counts against the tier's limit."""
    await writing.edit(caller.session, caller.org_id, project_id, expected, {"is_archived": True})
