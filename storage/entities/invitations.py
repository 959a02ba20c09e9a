"""Asking somebody to join an organisation, by e-mail. Accepting it is `storage.entities.signing_in`."""

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.tables import Invitation
from storage.tenancy import Claims

LIFE = timedelta(days=7)


async def create(session: AsyncSession, claims: Claims, email: str, role_in_org: str) -> UUID:
    """Return the id of a new invitation; one to the same address that has expired is revoked.

    Raises:
        IntegrityError: an invitation to the address is pending.
    """
    expired = (
        *_open(claims.org_id),
        func.lower(Invitation.email) == func.lower(email),
        Invitation.expires_at <= func.now(),
    )
    await session.execute(update(Invitation).where(*expired).values(revoked_at=func.now()))
    invitation_id = uuid4()
    await session.execute(
        insert(Invitation).values(
            org_id=claims.org_id,
            id=invitation_id,
            email=email,
            role_in_org=role_in_org,
            invited_by=claims.user_id,
            expires_at=func.now() + LIFE,
        )
    )
    return invitation_id


async def revoke(session: AsyncSession, org_id: UUID, invitation_id: UUID) -> None:
    """End an invitation that has not ended yet; others stay as they are."""
    this = (*_open(org_id), Invitation.id == invitation_id)
    await session.execute(update(Invitation).where(*this).values(revoked_at=func.now()))


def _open(org_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        Invitation.org_id == org_id,
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
    )
