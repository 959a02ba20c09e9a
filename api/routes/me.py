from fastapi import Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Leaver, Person, PersonCaller
from api.etags import IfMatch
from api.schemas import Me, MeChange, Organization
from storage.entities import people as writing
from storage.reading import members, people

router = routing.router("/v1", "people")


@router.get("/me", response_model=Me)
async def read_me(caller: Person, response: Response) -> object:
    """Say who asks, for which organisation, and as what."""
    return await _me(caller, response)


@router.patch("/me", response_model=Me)
async def change_me(caller: Editor, response: Response, expected: IfMatch, body: MeChange) -> object:
    """Change one's own name. The e-mail address is the identity provider's to change."""
    await writing.rename(caller.session, caller.claims.user_id, expected, body.full_name)
    return await _me(caller, response)


@router.delete("/me", status_code=204, responses=answers(problems.LAST_ADMIN))
async def erase_me(caller: Leaver, expected: IfMatch) -> None:
    """Erase oneself, in all organisations and for ever: name, address and sign-in go, memberships end.

    What one wrote and decided stays, as a pseudonym's. Not by a token of one workspace, and not for the last
    ADMIN of an organisation.
    """
    await writing.erase(caller.session, caller.claims.user_id, expected)


async def _me(caller: PersonCaller, response: Response) -> Me:
    me = await members.oneself(caller.session, caller.claims)
    organization = await people.organization(caller.session, caller.org_id)
    etags.mark(response, me.user_version, me.version, organization.version)
    return Me(
        user_id=me.user_id,
        email=me.email,
        full_name=me.full_name,
        role_in_org=caller.role,
        workspace_id=caller.claims.workspace_id,
        organization=Organization.model_validate(organization),
    )
