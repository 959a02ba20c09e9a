from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Admin, Person, PersonCaller
from api.etags import IfMatch
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.schemas import MachineKey, MachineKeyChange, MadeMachineKey, NewMachineKey
from storage import tables
from storage.entities import keys as writing
from storage.reading import keys, projects
from storage.reading.pages import Orders

router = routing.router("/v1/keys", "machine keys")


class KeyFilters(Paging):
    """Which keys; `since` is about `created_at`."""

    orders: ClassVar[Orders] = keys.ORDERS

    project_id: UUID | None = None
    include_revoked: bool = False
    since: Since | None = None
    sort: Annotated[str, sorts(keys.ORDERS)] = "-created_at"


@router.get("", response_model=Page[MachineKey])
async def list_keys(caller: Person, filters: Annotated[KeyFilters, Query()]) -> object:
    """List machine keys, newest first unless `sort` says otherwise."""
    wanted = keys.Wanted(filters.project_id, filters.include_revoked, filters.since)
    rows = await keys.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, MachineKey)


@router.post("", status_code=201, response_model=MadeMachineKey)
async def create_key(caller: Admin, response: Response, body: NewMachineKey) -> object:
    """Make a machine key. Its text is in this answer, and nowhere else: we keep only a hash of it."""
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        raise problems.invalid("body.expires_at", "this is in the past")
    # Asked, not left to the foreign key: a token of one workspace could not tell unknown from forbidden.
    if await projects.one(caller.session, caller.org_id, body.project_id) is None:
        raise problems.invalid("body.project_id", "there is no such project")
    key_id, text = await writing.create(
        caller.session,
        caller.claims,
        body.project_id,
        body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        quota=body.quota,
    )
    etags.created(response, f"/v1/keys/{key_id}")
    made = MachineKey.model_validate(_sent(response, await _one(caller, key_id)))
    return MadeMachineKey(**made.model_dump(), key=text)


@router.get("/{key_id}", response_model=MachineKey, responses=answers(problems.NOT_FOUND))
async def read_key(caller: Person, response: Response, key_id: UUID) -> object:
    """Read what a machine key is for, and when it was last used."""
    return _sent(response, await _one(caller, key_id))


@router.patch("/{key_id}", response_model=MachineKey, responses=answers(problems.NOT_FOUND))
async def change_key(
    caller: Admin, response: Response, expected: IfMatch, key_id: UUID, body: MachineKeyChange
) -> object:
    """Give a machine key another name. What it is for does not change: make another one."""
    return _sent(response, await writing.rename(caller.session, caller.org_id, key_id, expected, body.name))


@router.delete("/{key_id}", status_code=204, responses=answers(problems.NOT_FOUND))
async def revoke_key(caller: Admin, expected: IfMatch, key_id: UUID) -> None:
    """Revoke a machine key. The API refuses it from the next request on, workers within 30 seconds."""
    await writing.revoke(caller.session, caller.org_id, key_id, expected)


async def _one(caller: PersonCaller, key_id: UUID) -> tables.MachineKey:
    found = await keys.one(caller.session, caller.org_id, key_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such key")
    return found


def _sent(response: Response, found: tables.MachineKey) -> tables.MachineKey:
    used = int(found.last_used_at.timestamp()) if found.last_used_at else 0
    etags.mark(response, found.version, used)
    return found
