from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import OrgAdmin, OrgAdminReading, PersonCaller
from api.paging import Page, Paging
from api.parameters import OneOf, Since, sorts
from api.problems import ProblemError
from api.schemas import Invitation, NewInvitation
from storage.entities import invitations as writing
from storage.reading import invitations, members
from storage.reading.pages import Orders

router = routing.router("/v1/invitations", "people")


class InvitationFilters(Paging):
    """Which invitations; `since` is about `created_at`."""

    orders: ClassVar[Orders] = invitations.ORDERS

    status: Annotated[str, OneOf(invitations.STATUSES)] | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(invitations.ORDERS)] = "-created_at"


@router.get("", response_model=Page[Invitation], responses=answers(problems.ROLE_TOO_LOW))
async def list_invitations(caller: OrgAdminReading, filters: Annotated[InvitationFilters, Query()]) -> object:
    """List invitations, newest first unless `sort` says otherwise; for an ADMIN."""
    wanted = invitations.Wanted(filters.status, filters.since)
    rows = await invitations.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, Invitation)


@router.post("", status_code=201, response_model=Invitation, responses=answers(problems.CONFLICT))
async def create_invitation(caller: OrgAdmin, response: Response, body: NewInvitation) -> object:
    """Invite somebody by e-mail, for 7 days. We send no e-mail: tell them to sign in with that address."""
    if await members.stands(caller.session, caller.org_id, body.email):
        raise ProblemError(problems.CONFLICT, "this address is a member's")
    made = await writing.create(caller.session, caller.claims, body.email, body.role_in_org)
    etags.created(response, f"/v1/invitations/{made}")
    return await _one(caller, made)


@router.get(
    "/{invitation_id}",
    response_model=Invitation,
    responses=answers(problems.NOT_FOUND, problems.ROLE_TOO_LOW),
)
async def read_invitation(caller: OrgAdminReading, invitation_id: UUID) -> object:
    """Read an invitation; for an ADMIN."""
    return await _one(caller, invitation_id)


@router.delete("/{invitation_id}", status_code=204, responses=answers(problems.NOT_FOUND, problems.CONFLICT))
async def revoke_invitation(caller: OrgAdmin, invitation_id: UUID) -> None:
    """Revoke an invitation; one that was accepted is a membership by now."""
    await writing.revoke(caller.session, caller.org_id, invitation_id)
    if (await _one(caller, invitation_id)).status == "ACCEPTED":
        raise ProblemError(problems.CONFLICT, "it was accepted: remove the member instead")


async def _one(caller: PersonCaller, invitation_id: UUID) -> Any:
    found = await invitations.one(caller.session, caller.org_id, invitation_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such invitation")
    return found
