from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query

from api import routing
from api.caller import Member
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.schemas.incidents import Incident
from storage.reading import incidents
from storage.reading.pages import Orders

router = routing.router("/v1/incidents", "divergence reports")


class IncidentFilters(Paging):
    """Which incidents; `since` is about `detected_at`. An incident is open while one of its reports is."""

    orders: ClassVar[Orders] = incidents.ORDERS

    project_id: UUID | None = None
    is_open: bool | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(incidents.ORDERS)] = "-detected_at"


@router.get("", response_model=Page[Incident])
async def list_incidents(caller: Member, filters: Annotated[IncidentFilters, Query()]) -> object:
    """List incidents, newest first; `/v1/divergence-reports?incident_id=` has the reports of one."""
    wanted = incidents.Wanted(filters.project_id, filters.is_open, filters.since)
    rows = await incidents.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, Incident)
