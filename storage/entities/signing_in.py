"""From an identity that a provider vouches for to a user of ours, and into an organisation by invitation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import IdentityRefusedError, InvitationGoneError
from storage.tenancy import UNSAID, About, Identity, TenantSessions

_REFUSALS = {"AG005": InvitationGoneError, "AG006": IdentityRefusedError}


class Membership(NamedTuple):
    """A standing membership of the person who signs in."""

    org_id: UUID
    slug: str
    name: str
    role_in_org: str


class OpenInvitation(NamedTuple):
    """An invitation that the person who signs in may accept."""

    id: UUID
    org_id: UUID
    slug: str
    name: str
    role_in_org: str
    expires_at: datetime


class SignedIn(NamedTuple):
    """Who signed in, where they belong, and where they are invited to."""

    user_id: UUID
    memberships: list[Membership]
    invitations: list[OpenInvitation]


async def sign_in(sessions: TenantSessions, identity: Identity) -> SignedIn:
    """Find, link or (if invited) make the user of the identity, and note the login.

    Matched by provider and the provider's id (DataModel.md 2). A user who was made by e-mail alone is
    linked to the first identity that has the e-mail.

    Raises:
        IdentityRefusedError: no user and no invitation is for it, or its e-mail is another identity's.
    """
    async with _session(sessions, identity) as session:
        user_id = (await session.scalars(text("SELECT auth.sign_in()"))).one()
        memberships = await session.execute(
            text("SELECT org_id, slug, name, role_in_org FROM auth.my_memberships()")
        )
        invitations = await session.execute(
            text("SELECT id, org_id, slug, name, role_in_org, expires_at FROM auth.my_invitations()")
        )
        return SignedIn(
            user_id, [Membership(*row) for row in memberships], [OpenInvitation(*row) for row in invitations]
        )


async def accept(
    sessions: TenantSessions, identity: Identity, invitation_id: UUID, about: About = UNSAID
) -> UUID:
    """Make the identity's user a member by the invitation, and return the organisation's id.

    Raises:
        InvitationGoneError: it is not there, not for this e-mail, revoked, used or expired.
        IdentityRefusedError: the e-mail is another identity's.
    """
    async with _session(sessions, identity, about) as session:
        accepted = text("SELECT auth.accept_invitation(:invitation)")
        org_id: UUID = (await session.scalars(accepted, {"invitation": invitation_id})).one()
        return org_id


@asynccontextmanager
async def _session(
    sessions: TenantSessions, identity: Identity, about: About = UNSAID
) -> AsyncIterator[AsyncSession]:
    try:
        async with sessions.open(identity, about=about) as session:
            yield session
    except DBAPIError as error:
        refusal = _REFUSALS.get(getattr(error.orig, "sqlstate", ""))
        if refusal is None:
            raise
        raise refusal from error
