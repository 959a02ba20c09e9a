from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import OrgAdmin, Person, PersonCaller
from api.etags import IfMatch
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.schemas import Member, MemberChange
from api.schemas.people import Role
from storage.entities import members as writing
from storage.reading import members
from storage.reading.pages import Orders

router = routing.router("/v1/members", "people")
_EDITED = answers(problems.NOT_FOUND, problems.CONFLICT, problems.LAST_ADMIN)


class MemberFilters(Paging):
    """Which members; `since` is about `created_at`."""

    orders: ClassVar[Orders] = members.ORDERS

    role_in_org: Role | None = None
    include_removed: bool = False
    since: Since | None = None
    sort: Annotated[str, sorts(members.ORDERS)] = "-created_at"


@router.get("", response_model=Page[Member])
async def list_members(caller: Person, filters: Annotated[MemberFilters, Query()]) -> object:
    """List the organisation's members, newest first unless `sort` says otherwise."""
    wanted = members.Wanted(filters.role_in_org, filters.include_removed, filters.since)
    rows = await members.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, Member)


@router.get("/{user_id}", response_model=Member, responses=answers(problems.NOT_FOUND))
async def read_member(caller: Person, response: Response, user_id: UUID) -> object:
    """Read a membership, also one that has ended."""
    return _sent(response, await _one(caller, user_id))


@router.patch("/{user_id}", response_model=Member, responses=_EDITED)
async def change_member(
    caller: OrgAdmin, response: Response, expected: IfMatch, user_id: UUID, body: MemberChange
) -> object:
    """Give a member another role in the organisation. It holds from the next request on."""
    await _standing(caller, user_id)
    await writing.change_role(caller.session, caller.org_id, user_id, expected, body.role_in_org)
    return _sent(response, await _one(caller, user_id))


@router.delete("/{user_id}", status_code=204, responses=_EDITED)
async def remove_member(caller: OrgAdmin, expected: IfMatch, user_id: UUID) -> None:
    """End a membership, and the roles in projects that came with it. It holds from the next request on."""
    await _standing(caller, user_id)
    await writing.remove(caller.session, caller.org_id, user_id, expected)


async def _one(caller: PersonCaller, user_id: UUID) -> Any:
    found = await members.one(caller.session, caller.org_id, user_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such member")
    return found


async def _standing(caller: PersonCaller, user_id: UUID) -> None:
    found = await _one(caller, user_id)
    if found.removed_at is not None:
        raise ProblemError(problems.CONFLICT, "the membership has ended: invite the person again")


def _sent(response: Response, found: Any) -> Any:
    etags.mark(response, found.version, found.user_version)
    return found
