"""Quiet hours and maintenance windows."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import OrgAdmin, Person
from api.etags import IfMatch
from api.paging import Page, Paging
from api.parameters import sorts
from api.problems import ProblemError
from api.schemas import AlertWindow, AlertWindowChange, NewAlertWindow
from storage.entities import windows as writing
from storage.reading import calm
from storage.reading.pages import Orders

router = routing.router("/v1/alert-windows", "alerts")


class WindowFilters(Paging):
    """In which order."""

    orders: ClassVar[Orders] = calm.WINDOW_ORDERS

    sort: Annotated[str, sorts(calm.WINDOW_ORDERS)] = "-created_at"


@router.get("", response_model=Page[AlertWindow])
async def list_windows(caller: Person, filters: Annotated[WindowFilters, Query()]) -> object:
    """List the hours in which alerts wait, newest first unless `sort` says otherwise."""
    rows = await calm.windows(caller.session, caller.org_id, filters.part())
    return filters.page(rows, AlertWindow)


@router.post(
    "",
    status_code=201,
    response_model=AlertWindow,
    responses=answers(problems.NAME_TAKEN, problems.ALERT_LIMIT),
)
async def create_window(caller: OrgAdmin, response: Response, body: NewAlertWindow) -> object:
    """Let alerts wait at some hours of the week; for an ADMIN. What still holds after them is told then."""
    row = await writing.add(caller.session, caller.claims, body.values())
    etags.created(response, f"/v1/alert-windows/{row.id}", row.version)
    return row


@router.get("/{window_id}", response_model=AlertWindow, responses=answers(problems.NOT_FOUND))
async def read_window(caller: Person, response: Response, window_id: UUID) -> object:
    """Read a window."""
    row = await calm.window(caller.session, caller.org_id, window_id)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such window")
    etags.mark(response, row.version)
    return row


@router.patch(
    "/{window_id}", response_model=AlertWindow, responses=answers(problems.NOT_FOUND, problems.NAME_TAKEN)
)
async def change_window(
    caller: OrgAdmin, response: Response, expected: IfMatch, window_id: UUID, body: AlertWindowChange
) -> object:
    """Change a window; for an ADMIN. What it holds now is looked at anew."""
    row = await writing.edit(caller.session, caller.org_id, window_id, expected, body.values())
    etags.mark(response, row.version)
    return row


@router.delete("/{window_id}", status_code=204, responses=answers(problems.NOT_FOUND))
async def remove_window(caller: OrgAdmin, expected: IfMatch, window_id: UUID) -> None:
    """Let a window hold nothing any more; for an ADMIN."""
    await writing.take_back(caller.session, caller.org_id, window_id, expected)
