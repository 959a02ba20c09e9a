"""Where an organisation's alerts go; which alert goes where is a matter of routes."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Query, Request, Response

from api import channel_kinds, etags, problems, routing
from api.answers import answers
from api.caller import OrgAdmin, Person, PersonCaller
from api.etags import IfMatch, IfMatchIfAny
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.schemas import AlertChannel, AlertChannelChange, MadeAlertChannel, NewAlertChannel
from api.schemas.channels import ChannelKind
from api.services import Services, of
from guarded.urls import check_chosen
from storage import channel_secrets, tables
from storage.entities import channels as writing
from storage.reading import channels
from storage.reading.pages import Orders

router = routing.router("/v1/alert-channels", "alert channels")
_CHANGED = answers(problems.NOT_FOUND, problems.CONFLICT)
_NO_SECRET = "it needs one: send it, or rotate the secret instead"  # noqa: S105  # a message


class ChannelFilters(Paging):
    """Which channels; `since` is about `created_at`."""

    orders: ClassVar[Orders] = channels.ORDERS

    kind: ChannelKind | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(channels.ORDERS)] = "-created_at"


@router.get("", response_model=Page[AlertChannel])
async def list_channels(caller: Person, filters: Annotated[ChannelFilters, Query()]) -> object:
    """List the organisation's channels, newest first unless `sort` says otherwise."""
    wanted = channels.Wanted(filters.kind, filters.since)
    rows = await channels.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, AlertChannel)


@router.post(
    "",
    status_code=201,
    response_model=MadeAlertChannel,
    responses=answers(problems.NAME_TAKEN, problems.CHANNEL_LIMIT),
)
async def create_channel(
    request: Request, caller: OrgAdmin, response: Response, body: NewAlertChannel
) -> MadeAlertChannel:
    """Make a channel. A webhook's secret, where none was sent, is in this answer and nowhere else."""
    services = of(request)
    settings = channel_kinds.settings_of(body.kind, body.settings, services.bounds)
    secrets = channel_kinds.secrets_of(body.kind, body.secrets, services.bounds)
    made = channel_secrets.generated() if body.kind == "webhook" and not secrets else None
    secrets = {"secret": made} if made else secrets
    row = await writing.add(
        caller.session,
        caller.claims,
        writing.New(
            kind=body.kind,
            name=body.name,
            settings={**settings, **_shown(body.kind, secrets, services)},
            sealed=_sealed(body.kind, secrets, services),
            rate_per_minute=body.rate_per_minute,
            heartbeat_every=body.heartbeat_every,
        ),
    )
    etags.created(response, f"/v1/alert-channels/{row.id}")
    return _made(response, row, made)


@router.get("/{channel_id}", response_model=AlertChannel, responses=answers(problems.NOT_FOUND))
async def read_channel(caller: Person, response: Response, channel_id: UUID) -> object:
    """Read a channel, without its secrets."""
    return _sent(response, await _one(caller, channel_id))


@router.patch(
    "/{channel_id}",
    response_model=AlertChannel,
    responses=answers(problems.NOT_FOUND, problems.NAME_TAKEN, problems.CONFLICT),
)
async def change_channel(
    request: Request,
    caller: OrgAdmin,
    response: Response,
    expected: IfMatch,
    channel_id: UUID,
    body: AlertChannelChange,
) -> object:
    """Change a channel. Settings and secrets are each replaced whole.

    A secret that is sent holds at once, and alone; to have two live for a while, rotate it.
    """
    row = await _one(caller, channel_id)
    changes = _changes(row.kind, body.changes(), of(request))
    return _sent(response, await writing.edit(caller.session, caller.org_id, channel_id, expected, changes))


@router.delete("/{channel_id}", status_code=204, responses=_CHANGED)
async def remove_channel(caller: OrgAdmin, expected: IfMatch, channel_id: UUID) -> None:
    """Remove a channel and its secrets. One that a route has is taken out of it first (409 names them)."""
    await writing.remove(caller.session, caller.org_id, channel_id, expected)


@router.post("/{channel_id}/rotate-secret", response_model=MadeAlertChannel, responses=_CHANGED)
async def rotate_channel_secret(
    request: Request, caller: OrgAdmin, response: Response, expected: IfMatchIfAny, channel_id: UUID
) -> MadeAlertChannel:
    """Make a webhook another secret, shown here alone; what is sent bears both until the older is retired.

    Send an Idempotency-Key: an answer that was lost is then given again.
    """
    made = channel_secrets.generated()
    sealed = channel_secrets.seal(of(request).sessions.secret, {"secrets": [made]})
    row = await writing.rotate(caller.session, caller.org_id, channel_id, expected, sealed)
    return _made(response, row, made)


@router.post(
    "/{channel_id}/retire-secret", response_model=AlertChannel, responses=answers(problems.NOT_FOUND)
)
async def retire_channel_secret(
    caller: OrgAdmin, response: Response, expected: IfMatchIfAny, channel_id: UUID
) -> object:
    """End the older of a webhook's two secrets; where there is one, it stays."""
    return _sent(response, await writing.retire(caller.session, caller.org_id, channel_id, expected))


@router.post("/{channel_id}/enable", response_model=AlertChannel, responses=answers(problems.NOT_FOUND))
async def enable_channel(
    caller: OrgAdmin, response: Response, expected: IfMatchIfAny, channel_id: UUID
) -> object:
    """Send to a channel again that was disabled."""
    return _sent(response, await writing.enable(caller.session, caller.org_id, channel_id, expected))


async def _one(caller: PersonCaller, channel_id: UUID) -> tables.AlertChannel:
    found = await channels.one(caller.session, caller.org_id, channel_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such channel")
    return found


def _changes(kind: str, sent: dict[str, Any], services: Services) -> dict[str, Any]:
    """Return the columns that a change sets."""
    changes = {name: value for name, value in sent.items() if name != "secrets"}
    if "settings" in sent:
        if kind in channel_kinds.SECRET_ADDRESSES:
            raise problems.invalid("body.settings", "they follow from the address: send that, as secrets.url")
        changes["settings"] = channel_kinds.settings_of(kind, changes["settings"], services.bounds)
    if "secrets" in sent:
        secrets = channel_kinds.secrets_of(kind, sent["secrets"] or {}, services.bounds)
        if not secrets and kind not in channel_kinds.WITHOUT_SECRETS:
            raise problems.invalid("body.secrets", _NO_SECRET)
        changes["sealed"] = _sealed(kind, secrets, services)
        if kind in channel_kinds.SECRET_ADDRESSES:
            changes["settings"] = _shown(kind, secrets, services)
    return changes


def _shown(kind: str, secrets: Mapping[str, Any], services: Services) -> dict[str, str]:
    """Return what of the secrets is no secret."""
    if kind not in channel_kinds.SECRET_ADDRESSES:
        return {}
    return {"host": check_chosen(secrets["url"], services.bounds.allowed)}


def _sealed(kind: str, secrets: Mapping[str, Any], services: Services) -> bytes | None:
    if not secrets:
        return None
    kept = {"secrets": [secrets["secret"]]} if kind == "webhook" else secrets
    return channel_secrets.seal(services.sessions.secret, kept)


def _sent(response: Response, row: tables.AlertChannel) -> tables.AlertChannel:
    etags.mark(response, row.version)
    return row


def _made(response: Response, row: tables.AlertChannel, secret: str | None) -> MadeAlertChannel:
    sent = AlertChannel.model_validate(_sent(response, row))
    return MadeAlertChannel(**sent.model_dump(), secret=secret)
