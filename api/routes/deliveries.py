"""What is sent to channels: who was told what, and when."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query

from api import problems, routing
from api.answers import answers
from api.caller import Admin, OrgAdmin, Person, PersonCaller
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import AlertDelivery, ToldChannel
from api.schemas.deliveries import DeliveryStatus
from storage import tables
from storage.entities import deliveries as writing
from storage.reading import deliveries, told
from storage.reading.pages import Orders

router = routing.router("/v1", "alert deliveries")


class DeliveryFilters(Paging):
    """Which deliveries; `since` is about `created_at`."""

    orders: ClassVar[Orders] = deliveries.ORDERS

    status: DeliveryStatus | None = None
    channel_id: UUID | None = None
    report_id: UUID | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(deliveries.ORDERS)] = "-created_at"


class ReportDeliveryFilters(Paging):
    """In which order."""

    orders: ClassVar[Orders] = deliveries.ORDERS

    sort: Annotated[str, sorts(deliveries.ORDERS)] = "created_at"


class ToldFilters(Paging):
    """In which order."""

    orders: ClassVar[Orders] = told.ORDERS

    sort: Annotated[str, sorts(told.ORDERS)] = "first_told_at"


@router.get("/alert-deliveries", response_model=Page[AlertDelivery])
async def list_deliveries(caller: Person, filters: Annotated[DeliveryFilters, Query()]) -> object:
    """List what is or was sent to channels, newest first; what is of no project alone is for an ADMIN."""
    wanted = deliveries.Wanted(filters.status, filters.channel_id, filters.report_id, filters.since)
    rows = await deliveries.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, AlertDelivery)


@router.get(
    "/alert-deliveries/{delivery_id}", response_model=AlertDelivery, responses=answers(problems.NOT_FOUND)
)
async def read_delivery(caller: Person, delivery_id: UUID) -> object:
    """Read a delivery, without what it says."""
    return await _one(caller, delivery_id)


@router.post(
    "/alert-deliveries/{delivery_id}/replay",
    response_model=AlertDelivery,
    responses=answers(problems.NOT_FOUND, problems.CHANNEL_DISABLED, problems.DELIVERY_STEP),
)
async def replay_delivery(caller: Admin, delivery_id: UUID) -> object:
    """Send a delivery again that was given up, under the id that it had; for an ADMIN."""
    if not await writing.replay(caller.session, delivery_id):
        raise _missing()
    return await _one(caller, delivery_id)


@router.get(
    "/divergence-reports/{report_id}/deliveries",
    response_model=Page[AlertDelivery],
    responses=answers(problems.NOT_FOUND),
)
async def list_report_deliveries(
    caller: Person, report_id: UUID, filters: Annotated[ReportDeliveryFilters, Query()]
) -> object:
    """List the messages that are about a report first of all; `.../told` says who knows of it otherwise."""
    await lookup.report(caller, report_id)
    wanted = deliveries.Wanted(report_id=report_id)
    rows = await deliveries.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, AlertDelivery)


@router.get(
    "/divergence-reports/{report_id}/told",
    response_model=Page[ToldChannel],
    responses=answers(problems.NOT_FOUND),
)
async def list_told_channels(
    caller: Person, report_id: UUID, filters: Annotated[ToldFilters, Query()]
) -> object:
    """List the channels that know of a report: told by itself, with its incident, in a storm or a digest.

    Who was told first is first; of what waits for the weekly digest it counts since when.
    """
    await lookup.report(caller, report_id)
    rows = await told.listed(caller.session, caller.org_id, report_id, filters.part())
    return filters.page(rows, ToldChannel)


@router.post(
    "/alert-channels/{channel_id}/test",
    status_code=202,
    response_model=AlertDelivery,
    responses=answers(problems.NOT_FOUND, problems.CHANNEL_DISABLED),
)
async def test_channel(caller: OrgAdmin, channel_id: UUID) -> object:
    """Send a test to a channel, before all that waits for it; it is tried once.

    Read the delivery to see what became of it. While one waits, it is the one that is answered.
    """
    delivery_id = await writing.test(caller.session, channel_id)
    if delivery_id is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such channel")
    return await _one(caller, delivery_id)


async def _one(caller: PersonCaller, delivery_id: UUID) -> tables.AlertDelivery:
    found = await deliveries.one(caller.session, caller.org_id, delivery_id)
    if found is None:
        raise _missing()
    return found


def _missing() -> ProblemError:
    return ProblemError(problems.NOT_FOUND, "there is no such delivery")
