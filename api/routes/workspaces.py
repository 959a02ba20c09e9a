from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Person
from api.etags import IfMatch
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.schemas import NewWorkspace, Workspace, WorkspaceChange
from storage.entities import workspaces as writing
from storage.reading import workspaces
from storage.reading.pages import Orders

router = routing.router("/v1/workspaces", "workspaces")


class WorkspaceFilters(Paging):
    """Which workspaces; `since` is about `created_at`."""

    orders: ClassVar[Orders] = workspaces.ORDERS

    since: Since | None = None
    sort: Annotated[str, sorts(workspaces.ORDERS)] = "-created_at"


@router.get("", response_model=Page[Workspace])
async def list_workspaces(caller: Person, filters: Annotated[WorkspaceFilters, Query()]) -> object:
    """List the organisation's workspaces, newest first unless `sort` says otherwise."""
    rows = await workspaces.listed(caller.session, caller.org_id, filters.since, filters.part())
    return filters.page(rows, Workspace)


@router.post("", status_code=201, response_model=Workspace, responses=answers(problems.NAME_TAKEN))
async def create_workspace(caller: Editor, response: Response, body: NewWorkspace) -> object:
    """Make a workspace."""
    row = await writing.add(caller.session, caller.claims, **body.model_dump())
    etags.created(response, f"/v1/workspaces/{row.id}", row.version)
    return row


@router.get("/{workspace_id}", response_model=Workspace, responses=answers(problems.NOT_FOUND))
async def read_workspace(caller: Person, response: Response, workspace_id: UUID) -> object:
    """Read a workspace."""
    row = await workspaces.one(caller.session, caller.org_id, workspace_id)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such workspace")
    etags.mark(response, row.version)
    return row


@router.patch(
    "/{workspace_id}", response_model=Workspace, responses=answers(problems.NOT_FOUND, problems.NAME_TAKEN)
)
async def change_workspace(
    caller: Editor, response: Response, expected: IfMatch, workspace_id: UUID, body: WorkspaceChange
) -> object:
    """Change a workspace's name or description."""
    row = await writing.edit(caller.session, caller.org_id, workspace_id, expected, body.changes())
    etags.mark(response, row.version)
    return row
