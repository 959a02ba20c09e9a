"""Routes of alerts: which go to which channels, and where one report would go (ADR 0028)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import Row

from api import etags, problems, routing
from api.answers import answers
from api.caller import Caller, OrgAdmin, Person, PersonCaller
from api.etags import IfMatch
from api.paging import Page, Paging
from api.parameters import sorts
from api.problems import ProblemError
from api.schemas import AlertRoute, AlertRouteChange, NewAlertRoute, ReportRouting
from storage.entities import routes as writing
from storage.reading import routes
from storage.reading.pages import Orders
from storage.tables.routes import CHANNEL_ROLES

router = routing.router("/v1", "alert routes")


class RouteFilters(Paging):
    """In which order."""

    orders: ClassVar[Orders] = routes.ORDERS

    sort: Annotated[str, sorts(routes.ORDERS)] = "position"


@router.get("/alert-routes", response_model=Page[AlertRoute])
async def list_alert_routes(caller: Person, filters: Annotated[RouteFilters, Query()]) -> object:
    """List the organisation's routes in the order in which they are asked, unless `sort` says otherwise.

    A token of one workspace shows those that its projects may take.
    """
    rows = await routes.listed(caller.session, caller.org_id, filters.part())
    return filters.page(rows, AlertRoute)


@router.post(
    "/alert-routes",
    status_code=201,
    response_model=AlertRoute,
    responses=answers(problems.NAME_TAKEN, problems.ALERT_LIMIT, problems.CONFLICT),
)
async def create_alert_route(caller: OrgAdmin, response: Response, body: NewAlertRoute) -> object:
    """Make a route. What is open is looked at again: what it takes now is told where it says."""
    values, channels = _told_apart(body.model_dump())
    await _see_channels(caller, channels)
    if body.escalate:
        _see_escalation(body.escalate_after)
    route_id = await writing.add(caller.session, caller.claims, values, channels)
    row = await _one(caller, route_id)
    etags.created(response, f"/v1/alert-routes/{route_id}", row.version)
    return row


@router.get("/alert-routes/{route_id}", response_model=AlertRoute, responses=answers(problems.NOT_FOUND))
async def read_alert_route(caller: Person, response: Response, route_id: UUID) -> object:
    """Read a route."""
    row = await _one(caller, route_id)
    etags.mark(response, row.version)
    return row


@router.patch(
    "/alert-routes/{route_id}",
    response_model=AlertRoute,
    responses=answers(problems.NOT_FOUND, problems.NAME_TAKEN, problems.CONFLICT),
)
async def change_alert_route(
    caller: OrgAdmin, response: Response, expected: IfMatch, route_id: UUID, body: AlertRouteChange
) -> object:
    """Change a route; `position` moves it. Lists replace what was there."""
    values, channels = _told_apart(body.changes())
    await _see_channels(caller, channels)
    await writing.edit(caller.session, caller.org_id, route_id, expected, values, channels)
    row = await _one(caller, route_id)
    if row.escalate and body.model_fields_set & {"escalate", "escalate_after"}:
        _see_escalation(row.escalate_after)
    etags.mark(response, row.version)
    return row


@router.delete(
    "/alert-routes/{route_id}",
    status_code=204,
    responses=answers(problems.NOT_FOUND, problems.CONFLICT),
)
async def delete_alert_route(caller: OrgAdmin, expected: IfMatch, route_id: UUID) -> None:
    """Delete a route; what took it takes the next one that matches. The default one stays."""
    if (await _one(caller, route_id)).is_default:
        raise ProblemError(
            problems.CONFLICT,
            "the default route stays: to tell nobody, take its channels away (`notify`: [])",
        )
    await writing.remove(caller.session, caller.org_id, route_id, expected)


@router.get(
    "/divergence-reports/{report_id}/routing",
    response_model=ReportRouting,
    responses=answers(problems.NOT_FOUND),
)
async def read_report_routing(caller: Person, report_id: UUID) -> object:
    """Say where an alert about a report would go now, and why: route by route, and what makes it wait."""
    now = datetime.now(UTC)
    found = await routes.routed(caller.session, caller.org_id, report_id, now)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such report")
    return ReportRouting.of(report_id, now, found)


async def _one(caller: Caller, route_id: UUID) -> Row[Any]:
    found = await routes.one(caller.session, caller.org_id, route_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such route")
    return found


def _told_apart(sent: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list[UUID]]]:
    """Return the columns of a route, and its channels by what they are for, out of what was sent."""
    values = {name: value for name, value in sent.items() if name not in CHANNEL_ROLES}
    if "matchers" in values:
        matchers = values["matchers"].items()
        values["matchers"] = {name: [str(value) for value in listed] for name, listed in matchers if listed}
    return values, {role: sent[role] for role in CHANNEL_ROLES if role in sent}


async def _see_channels(caller: PersonCaller, channels: Mapping[str, Sequence[UUID]]) -> None:
    """See that the channels that a body names are the organisation's.

    Raises:
        ProblemError: one is not, or was removed.
    """
    named = {channel for ids in channels.values() for channel in ids}
    live = await routes.live_channels(caller.session, caller.org_id, list(named)) if named else set()
    for role, ids in channels.items():
        for place, channel in enumerate(ids):
            if channel not in live:
                raise problems.invalid(f"body.{role}.{place}", "there is no such channel")


def _see_escalation(after: timedelta | None) -> None:
    """See that channels which are told when nobody acknowledges are told at some time.

    Raises:
        ProblemError: no time is said.
    """
    if after is None:
        raise problems.invalid("body.escalate_after", "say after how long `escalate` is told, as in 30m")
