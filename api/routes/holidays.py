"""Days that a team does not detect on."""

from uuid import UUID

from fastapi import Request, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Member
from api.etags import IfMatchIfAny
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import HolidayCalendar
from detectors.calendars import Calendar
from storage.entities import calendars

router = routing.router("/v1/projects/{project_id}/holidays", "exclusions")


@router.get("", response_model=HolidayCalendar, responses=answers(problems.NOT_FOUND))
async def read_holidays(caller: Member, response: Response, project_id: UUID) -> object:
    """Read the days that are not detected on, and the calendar they come from."""
    await lookup.project(caller, project_id)
    row = await calendars.live(caller.session, caller.org_id, project_id)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "the project has no holidays: every day is detected on")
    etags.mark(response, row.version)
    return HolidayCalendar.of(row)


@router.put(
    "",
    response_model=HolidayCalendar,
    responses={201: {"model": HolidayCalendar}, **answers(problems.NOT_FOUND)},
)
async def put_holidays(
    caller: Editor,
    request: Request,
    response: Response,
    expected: IfMatchIfAny,
    project_id: UUID,
    body: Calendar,
) -> object:
    """Let these days hold, in place of those before; with If-Match only after another version.

    The public holidays become days now: who wants further years, or corrected ones, puts the calendar again.
    A day is one of the organisation's time zone. Days that hold no more are judged anew, as are new ones. The
    same days of the same calendar again are no new version.
    """
    await lookup.project(caller, project_id)
    row, is_new = await calendars.put(
        caller.session, caller.claims, project_id, expected, body, must_exist="if-match" in request.headers
    )
    response.status_code = 201 if is_new else 200
    etags.created(response, f"/v1/projects/{project_id}/holidays", row.version)
    return HolidayCalendar.of(row)
