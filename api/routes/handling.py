"""What people do with a report: who may what, from which state, is the database's to judge (ADR 0025)."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Person, PersonCaller
from api.etags import IfMatchIfAny
from api.paging import Page, Paging
from api.parameters import sorts
from api.routes import lookup
from api.routes.reports import shown
from api.schemas import (
    DivergenceReportDetail,
    NewAssignment,
    NewComment,
    NewReason,
    NewSnooze,
    ReportEvent,
)
from storage.entities import handling
from storage.entities.edits import Expected
from storage.reading import reports
from storage.reading.pages import Orders

router = routing.router("/v1/divergence-reports/{report_id}", "divergence reports")
_STEP = answers(problems.NOT_FOUND, problems.REPORT_STEP, problems.DATA_DECIDED)


class TimelineFilters(Paging):
    """In which order."""

    orders: ClassVar[Orders] = reports.TIMELINE_ORDERS

    sort: Annotated[str, sorts(reports.TIMELINE_ORDERS)] = "sequence"


@router.post("/acknowledge", response_model=DivergenceReportDetail, responses=_STEP)
async def acknowledge_report(
    caller: Editor, response: Response, expected: IfMatchIfAny, report_id: UUID
) -> object:
    """Say that you have seen a report. The first who does stands; who is a COMMENTER may."""
    return await _handled(caller, response, expected, report_id, handling.acknowledged(yes=True))


@router.post("/unacknowledge", response_model=DivergenceReportDetail, responses=_STEP)
async def unacknowledge_report(
    caller: Editor, response: Response, expected: IfMatchIfAny, report_id: UUID
) -> object:
    """Take an acknowledgement back; a COMMENTER takes back their own."""
    return await _handled(caller, response, expected, report_id, handling.acknowledged(yes=False))


@router.post("/assign", response_model=DivergenceReportDetail, responses=_STEP)
async def assign_report(
    caller: Editor, response: Response, expected: IfMatchIfAny, report_id: UUID, body: NewAssignment
) -> object:
    """Say who sees to a report."""
    return await _handled(caller, response, expected, report_id, handling.assigned(body.assignee_id))


@router.post("/snooze", response_model=DivergenceReportDetail, responses=_STEP)
async def snooze_report(
    caller: Editor, response: Response, expected: IfMatchIfAny, report_id: UUID, body: NewSnooze
) -> object:
    """Leave a report alone until some time, or until it is reclassified as worse."""
    return await _handled(caller, response, expected, report_id, handling.snoozed(body.until))


@router.post("/resolve", response_model=DivergenceReportDetail, responses=_STEP)
async def resolve_report(
    caller: Editor, response: Response, expected: IfMatchIfAny, report_id: UUID, body: NewReason
) -> object:
    """Resolve a report, with a reason. Where it becomes worse than it was now, it opens again."""
    return await _handled(caller, response, expected, report_id, handling.resolved(body.reason))


@router.post("/reopen", response_model=DivergenceReportDetail, responses=_STEP)
async def reopen_report(
    caller: Editor, response: Response, expected: IfMatchIfAny, report_id: UUID, body: NewReason
) -> object:
    """Open a report that a person has resolved; what the data resolved they alone open (409)."""
    return await _handled(caller, response, expected, report_id, handling.reopened(body.reason))


@router.post("/comments", status_code=201, response_model=ReportEvent, responses=answers(problems.NOT_FOUND))
async def comment_on_report(caller: Editor, response: Response, report_id: UUID, body: NewComment) -> object:
    """Comment on a report, in whatever state; who is a COMMENTER may. Nobody changes it afterwards."""
    report = await lookup.report(caller, report_id)
    row = await handling.comment(caller.session, caller.org_id, report.project_id, report_id, body.text)
    etags.created(response, f"/v1/divergence-reports/{report_id}/timeline")
    return row


@router.get("/timeline", response_model=Page[ReportEvent], responses=answers(problems.NOT_FOUND))
async def read_report_timeline(
    caller: Person, report_id: UUID, filters: Annotated[TimelineFilters, Query()]
) -> object:
    """List what became of a report, from its detection on."""
    await lookup.report(caller, report_id)
    rows = await reports.timeline(caller.session, caller.org_id, report_id, filters.part())
    return filters.page(rows, ReportEvent)


async def _handled(
    caller: PersonCaller, response: Response, expected: Expected, report_id: UUID, change: dict[str, object]
) -> object:
    await handling.handle(caller.session, caller.org_id, report_id, expected, change)
    return await shown(caller, response, report_id)
