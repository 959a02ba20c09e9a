from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Case, Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Bundle

from storage.reading.pages import Orders, Slice, page
from storage.tables import Invitation

STATUSES = ("PENDING", "ACCEPTED", "REVOKED", "EXPIRED")
ORDERS: Orders = {
    "created_at": (Invitation.created_at, Invitation.id),
    "expires_at": (Invitation.expires_at, Invitation.id),
    "email": (Invitation.email, Invitation.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which invitations: None says all; `since` is about `created_at`, inclusive."""

    status: str | None = None
    since: datetime | None = None


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[Any]:
    """Return a part of the organisation's invitations, each with its status now."""
    query = _of(org_id)
    if wanted.status:
        query = query.where(_status() == wanted.status)
    if wanted.since:
        query = query.where(Invitation.created_at >= wanted.since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, invitation_id: UUID) -> Any | None:
    """Return the invitation with its status now, if it is there and within sight."""
    query = _of(org_id).where(Invitation.id == invitation_id)
    return (await session.scalars(query)).one_or_none()


def _of(org_id: UUID) -> Select[Any]:
    whole: Bundle[Any] = Bundle("invitation", *Invitation.__table__.columns, _status().label("status"))
    return select(whole).where(Invitation.org_id == org_id)


def _status() -> Case[str]:
    return case(
        (Invitation.accepted_at.is_not(None), "ACCEPTED"),
        (Invitation.revoked_at.is_not(None), "REVOKED"),
        (Invitation.expires_at <= func.now(), "EXPIRED"),
        else_="PENDING",
    )
