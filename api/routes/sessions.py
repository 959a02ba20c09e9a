"""Signing in: an OpenID provider's id_token for a token of ours, which speaks for one organisation."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import Request

from api import caller, problems, routing
from api.about import client
from api.answers import answers
from api.asking import refused
from api.auth.signed import BadTokenError
from api.problems import Kind, ProblemError, respond
from api.services import Services, of
from api.session_schemas import Membership, OpenInvitation, OrganizationName, Session, SignIn
from storage.entities import signing_in
from storage.entities.signing_in import SignedIn
from storage.errors import IdentityRefusedError, InvitationGoneError
from storage.reading import people
from storage.tenancy import About, Claims, Identity

router = routing.open_router("/v1", "signing in")

_REFUSALS = answers(
    problems.BAD_TOKEN,
    problems.NOT_A_MEMBER,
    problems.WRONG_WORKSPACE,
    problems.IDENTITY_REFUSED,
    problems.INVITATION_GONE,
    problems.CHOOSE_ORGANIZATION,
)
_WAYS_OUT: Mapping[Kind, str] = {
    problems.NOT_A_MEMBER: "it is none of `memberships`; one of `invitations`, if any, is accepted by its id"
    " as `invitation_id`",
    problems.CHOOSE_ORGANIZATION: "name one of `memberships`, as `organization`",
}


@router.post("/sessions", status_code=201, response_model=Session, responses=_REFUSALS)
async def create_session(request: Request, body: SignIn) -> object:
    """Exchange a verified id_token of a configured provider for a token.

    The problems `choose-organization` and `not-a-member` have `memberships` and `invitations` as well.
    """
    services = of(request)
    identity = await _identity(request, services, body)
    wanted, signed = await _signed_in(services, identity, body, client(request))
    places = _places(signed)
    chosen = _chosen(signed, wanted)
    if isinstance(chosen, Kind):
        return respond(request, chosen, _WAYS_OUT[chosen], **places)
    claims = Claims(signed.user_id, chosen.org_id, body.workspace_id)
    async with services.sessions.open(claims, read_only=True) as session:
        standing = await caller.standing(session, claims)
        user, _ = await people.me(session, claims)
    return Session(
        access_token=services.issuer.mint(claims, {"email": user.email, "role": standing.role}),
        expires_in=services.issuer.life_seconds,
        organization=_organization(chosen),
        role_in_org=standing.role,
        **places,
    )


async def _identity(request: Request, services: Services, body: SignIn) -> Identity:
    provider = services.providers.get(body.provider)
    if provider is None:
        raise problems.invalid("body.provider", "this provider is not configured here")
    try:
        return await provider.verify(body.id_token, body.nonce)
    except BadTokenError as error:
        raise refused(request, error) from error


async def _signed_in(
    services: Services, identity: Identity, body: SignIn, about: About
) -> tuple[str | UUID | None, SignedIn]:
    """Return what organisation is asked for, and who signed in."""
    wanted: str | UUID | None = body.organization
    try:
        if body.invitation_id is not None:
            wanted = await signing_in.accept(services.sessions, identity, body.invitation_id, about)
        return wanted, await signing_in.sign_in(services.sessions, identity)
    except IdentityRefusedError as error:
        raise ProblemError(
            problems.IDENTITY_REFUSED, "there is no user and no invitation for it, or its e-mail is another's"
        ) from error
    except InvitationGoneError as error:
        raise ProblemError(problems.INVITATION_GONE, "it is not open to this e-mail") from error


def _chosen(signed: SignedIn, wanted: str | UUID | None) -> signing_in.Membership | Kind:
    found = [
        one
        for one in signed.memberships
        if wanted is None or str(wanted).lower() in {one.slug, str(one.org_id)}
    ]
    if not found:
        return problems.NOT_A_MEMBER
    return found[0] if len(found) == 1 else problems.CHOOSE_ORGANIZATION


def _places(signed: SignedIn) -> dict[str, Any]:
    return {
        "memberships": [
            Membership(organization=_organization(one), role_in_org=one.role_in_org)
            for one in signed.memberships
        ],
        "invitations": [
            OpenInvitation(
                id=one.id,
                organization=_organization(one),
                role_in_org=one.role_in_org,
                expires_at=one.expires_at,
            )
            for one in signed.invitations
        ],
    }


def _organization(place: signing_in.Membership | signing_in.OpenInvitation) -> OrganizationName:
    return OrganizationName(id=place.org_id, slug=place.slug, name=place.name)
