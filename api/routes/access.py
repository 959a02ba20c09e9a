"""Roles in a project: in place of a member's role in the organisation."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Request, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Admin, Person
from api.etags import IfMatch, IfMatchIfAny
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import AccessRole, ProjectAccess
from storage.entities import access as writing
from storage.reading import access
from storage.reading.pages import Orders

router = routing.router("/v1/projects/{project_id}/access", "project access")


class AccessFilters(Paging):
    """Whose roles; `since` is about `created_at`."""

    orders: ClassVar[Orders] = access.ORDERS

    since: Since | None = None
    sort: Annotated[str, sorts(access.ORDERS)] = "-created_at"


@router.get("", response_model=Page[ProjectAccess], responses=answers(problems.NOT_FOUND))
async def list_project_access(
    caller: Person, project_id: UUID, filters: Annotated[AccessFilters, Query()]
) -> object:
    """List who has a role in the project, newest first unless `sort` says otherwise."""
    await lookup.project(caller, project_id)
    rows = await access.listed(caller.session, caller.org_id, project_id, filters.since, filters.part())
    return filters.page(rows, ProjectAccess)


@router.get("/{user_id}", response_model=ProjectAccess, responses=answers(problems.NOT_FOUND))
async def read_project_access(caller: Person, response: Response, project_id: UUID, user_id: UUID) -> object:
    """Read a member's role in the project."""
    row = await access.one(caller.session, caller.org_id, project_id, user_id)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such role in this project")
    etags.mark(response, row.version)
    return row


@router.put(
    "/{user_id}",
    response_model=ProjectAccess,
    responses={201: {"model": ProjectAccess}, **answers(problems.NOT_FOUND, problems.CONFLICT)},
)
async def put_project_access(
    caller: Admin,
    request: Request,
    response: Response,
    expected: IfMatchIfAny,
    project_id: UUID,
    user_id: UUID,
    body: AccessRole,
) -> object:
    """Give a member a role in the project, or another one; with If-Match only another one."""
    await lookup.project(caller, project_id)
    named = (caller.session, caller.org_id, project_id, user_id)
    if "if-match" in request.headers:
        row = await writing.edit(*named, expected, body.role)
    else:
        row, is_new = await writing.put(*named, body.role)
        response.status_code = 201 if is_new else 200
    etags.created(response, f"/v1/projects/{project_id}/access/{user_id}", row.version)
    return row


@router.delete("/{user_id}", status_code=204, responses=answers(problems.NOT_FOUND))
async def end_project_access(caller: Admin, expected: IfMatch, project_id: UUID, user_id: UUID) -> None:
    """Let a member's role in the organisation hold in the project again."""
    await writing.end(caller.session, caller.org_id, project_id, user_id, expected)
