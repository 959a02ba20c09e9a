from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query

from api import routing
from api.caller import Member
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.schemas import AlertNotice
from routing.matchers import NoticeKind
from storage.reading import notices
from storage.reading.pages import Orders

router = routing.router("/v1/alert-notices", "alerts")


class NoticeFilters(Paging):
    """Which notices; `since` is about `opened_at`."""

    orders: ClassVar[Orders] = notices.ORDERS

    project_id: UUID | None = None
    kind: NoticeKind | None = None
    is_open: bool | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(notices.ORDERS)] = "-opened_at"


@router.get("", response_model=Page[AlertNotice])
async def list_alert_notices(caller: Member, filters: Annotated[NoticeFilters, Query()]) -> object:
    """List what the system noticed of projects by itself, newest first."""
    wanted = notices.Wanted(filters.project_id, filters.kind, filters.is_open, filters.since)
    rows = await notices.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, AlertNotice)
