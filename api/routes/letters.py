from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query

from api import problems, routing
from api.answers import answers
from api.caller import AdminReading
from api.paging import Page, Paging
from api.parameters import OneOf, Since, Text, sorts
from api.schemas import DeadLetter
from storage.reading import dead_letters
from storage.reading.pages import Orders
from storage.tables.letters import REASONS

router = routing.router("/v1/dead-letters", "dead letters")


class LetterFilters(Paging):
    """Which letters; `since` is about `refused_at`."""

    orders: ClassVar[Orders] = dead_letters.ORDERS

    project_id: UUID | None = None
    reason: Annotated[str, OneOf(REASONS)] | None = None
    topic: Text | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(dead_letters.ORDERS)] = "-refused_at"


@router.get("", response_model=Page[DeadLetter], responses=answers(problems.ROLE_TOO_LOW))
async def list_dead_letters(caller: AdminReading, filters: Annotated[LetterFilters, Query()]) -> object:
    """List what was refused of the organisation's samples, newest first; for an ADMIN.

    What was sent is not shown: its bytes are in Kafka, where the operator replays them.
    """
    wanted = dead_letters.Wanted(filters.project_id, filters.reason, filters.topic, filters.since)
    rows = await dead_letters.listed(caller.session, caller.org_id, wanted, filters.part())
    return filters.page(rows, DeadLetter)
