from datetime import UTC, datetime

from fastapi import Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Member, OrgAdmin, OrgReading
from api.etags import IfMatch
from api.schemas import AlarmBudget, Organization, OrganizationChange
from storage.entities import organizations as writing
from storage.reading import budget, people

router = routing.router("/v1/organization", "people")


@router.get("", response_model=Organization)
async def read_organization(caller: Member, response: Response) -> object:
    """Read the token's organisation, with its tier and what the tier allows."""
    organization = await people.organization(caller.session, caller.org_id)
    etags.mark(response, organization.version)
    return organization


@router.patch("", response_model=Organization)
async def change_organization(
    caller: OrgAdmin, response: Response, expected: IfMatch, body: OrganizationChange
) -> object:
    """Change the organisation's name, the time zone in which its days begin, or its alarm budget."""
    if "timezone" in body.model_fields_set and not await writing.knows_zone(caller.session, body.timezone):
        raise problems.invalid("body.timezone", "the database does not know this time zone")
    organization = await writing.edit(caller.session, caller.org_id, expected, body.changes())
    etags.mark(response, organization.version)
    return organization


@router.get("/alarm-budget", response_model=AlarmBudget, responses=answers(problems.ROLE_TOO_LOW))
async def read_alarm_budget(caller: OrgReading) -> object:
    """Read how many false alarms a year the organisation takes, who shares them, and what it was told."""
    return await budget.budget(caller.session, caller.org_id, datetime.now(UTC))
