"""Hours that a team takes out of detection."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Member
from api.paging import Page, Paging
from api.parameters import Since, Until, sorts
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import ExclusionWindow, NewExclusionWindow
from storage.entities import exclusions as writing
from storage.reading import exclusions
from storage.reading.pages import Orders

router = routing.router("/v1/projects/{project_id}/exclusions", "exclusions")


class ExclusionFilters(Paging):
    """Which windows: those of which a part lies between `since` and `until`."""

    orders: ClassVar[Orders] = exclusions.ORDERS

    include_removed: bool = False
    since: Since | None = None
    until: Until | None = None
    sort: Annotated[str, sorts(exclusions.ORDERS)] = "-starts_at"


@router.get("", response_model=Page[ExclusionWindow], responses=answers(problems.NOT_FOUND))
async def list_exclusions(
    caller: Member, project_id: UUID, filters: Annotated[ExclusionFilters, Query()]
) -> object:
    """List a project's exclusion windows, the latest first unless `sort` says otherwise."""
    await lookup.project(caller, project_id)
    wanted = exclusions.Wanted(filters.include_removed, filters.since, filters.until)
    rows = await exclusions.listed(caller.session, caller.org_id, project_id, wanted, filters.part())
    return filters.page(rows, ExclusionWindow)


@router.post("", status_code=201, response_model=ExclusionWindow, responses=answers(problems.NOT_FOUND))
async def create_exclusion(
    caller: Editor, response: Response, project_id: UUID, body: NewExclusionWindow
) -> object:
    """Take hours out of detection, past or to come. Days that were judged with them are judged anew.

    Windows may overlap. A window does not change: take it back and make another one.
    """
    await lookup.project(caller, project_id)
    row = await writing.add(caller.session, caller.claims, project_id, **body.model_dump())
    etags.created(response, f"/v1/projects/{project_id}/exclusions/{row.id}")
    return row


@router.get("/{exclusion_id}", response_model=ExclusionWindow, responses=answers(problems.NOT_FOUND))
async def read_exclusion(caller: Member, project_id: UUID, exclusion_id: UUID) -> object:
    """Read an exclusion window, taken back or not."""
    row = await exclusions.one(caller.session, caller.org_id, project_id, exclusion_id)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such exclusion in this project")
    return row


@router.delete("/{exclusion_id}", status_code=204, responses=answers(problems.NOT_FOUND))
async def take_back_exclusion(caller: Editor, project_id: UUID, exclusion_id: UUID) -> None:
    """Let a window's hours count again. It is kept, with who took it back and when."""
    await writing.take_back(caller.session, caller.claims, project_id, exclusion_id)
