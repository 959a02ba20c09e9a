"""What people silence, for a time."""

from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Person, PersonCaller
from api.paging import Page, Paging
from api.parameters import sorts
from api.problems import ProblemError
from api.schemas import AlertSilence, NewAlertSilence
from api.schemas.calm import SilenceState, stored
from storage.entities import silences as writing
from storage.reading import calm
from storage.reading.pages import Orders

router = routing.router("/v1/alert-silences", "alerts")


class SilenceFilters(Paging):
    """Which silences; `project_id` says those that name it, or name no project."""

    orders: ClassVar[Orders] = calm.SILENCE_ORDERS

    state: SilenceState | None = None
    project_id: UUID | None = None
    sort: Annotated[str, sorts(calm.SILENCE_ORDERS)] = "-created_at"


@router.get("", response_model=Page[AlertSilence])
async def list_silences(caller: Person, filters: Annotated[SilenceFilters, Query()]) -> object:
    """List silences, newest first unless `sort` says otherwise."""
    wanted = calm.Wanted(filters.state, filters.project_id)
    rows = await calm.silences(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, AlertSilence)


@router.post("", status_code=201, response_model=AlertSilence, responses=answers(problems.ALERT_LIMIT))
async def create_silence(caller: Editor, response: Response, body: NewAlertSilence) -> object:
    """Let alerts wait for a time. What still holds when it ends is told then.

    Whoever edits each project that its matchers name may; without one it is an ADMIN's.
    """
    made = await writing.add(
        caller.session, caller.claims, stored(body.matchers), body.starts_at, body.ends_at, body.reason
    )
    etags.created(response, f"/v1/alert-silences/{made}")
    return await _one(caller, made)


@router.get("/{silence_id}", response_model=AlertSilence, responses=answers(problems.NOT_FOUND))
async def read_silence(caller: Person, silence_id: UUID) -> object:
    """Read a silence, also one that has ended."""
    return await _one(caller, silence_id)


@router.post("/{silence_id}/end", response_model=AlertSilence, responses=answers(problems.NOT_FOUND))
async def end_silence(caller: Editor, silence_id: UUID) -> object:
    """End a silence now. One that has ended stays as it ended."""
    await writing.end(caller.session, caller.org_id, silence_id)
    return await _one(caller, silence_id)


async def _one(caller: PersonCaller, silence_id: UUID) -> Any:
    found = await calm.silence(caller.session, caller.org_id, silence_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such silence")
    return found
