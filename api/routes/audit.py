from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query

from api import routing
from api.caller import AdminReading
from api.paging import Page, Paging
from api.parameters import OneOf, Since, sorts
from api.schemas.audit import AuditEntry
from storage.reading import audit
from storage.reading.pages import Orders
from storage.tables.audit import ACTIONS, RESOURCE_TYPES

router = routing.router("/v1/audit-log", "audit")


class AuditFilters(Paging):
    """Which entries; `since` is about `timestamp`."""

    orders: ClassVar[Orders] = audit.ORDERS

    resource_type: Annotated[str, OneOf(RESOURCE_TYPES)] | None = None
    resource_id: UUID | None = None
    actor_id: UUID | None = None
    action: Annotated[str, OneOf(ACTIONS)] | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(audit.ORDERS)] = "-timestamp"


@router.get("", response_model=Page[AuditEntry])
async def list_audit_log(caller: AdminReading, filters: Annotated[AuditFilters, Query()]) -> object:
    """List who changed what, newest first: for ADMINs; by a token of one workspace what is its projects'."""
    wanted = audit.Wanted(
        filters.resource_type, filters.resource_id, filters.actor_id, filters.action, filters.since
    )
    rows = await audit.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, AuditEntry)
