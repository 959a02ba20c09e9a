"""Silences: made and ended, never changed. Whose they are to make is the database's to judge (ADR 0029)."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import NotAllowedError, NotThereError
from storage.reading import calm
from storage.tables import AlertSilence
from storage.tenancy import Claims


async def add(
    session: AsyncSession,
    claims: Claims,
    matchers: dict[str, Any],
    starts_at: datetime | None,
    ends_at: datetime,
    reason: str,
) -> UUID:
    """Return the id of a new silence, which begins now where `starts_at` is None.

    Raises:
        DBAPIError: there are too many (AG039), it would have ended already (AG040), or the role does not
            allow it.
    """
    row = insert(AlertSilence).values(
        org_id=claims.org_id,
        id=uuid4(),
        matchers=matchers,
        starts_at=starts_at or func.now(),
        ends_at=ends_at,
        reason=reason,
        created_by=claims.user_id,
    )
    return (await session.scalars(row.returning(AlertSilence.id))).one()


async def end(session: AsyncSession, org_id: UUID, silence_id: UUID) -> None:
    """End a silence now; one that has ended stays as it ended.

    Raises:
        NotThereError: there is no such silence within sight.
        NotAllowedError: it may be seen and not ended.
    """
    named = (AlertSilence.org_id == org_id, AlertSilence.id == silence_id)
    ended = update(AlertSilence).where(*named).values(ended_at=func.clock_timestamp())
    if (await session.scalars(ended.returning(AlertSilence.id))).first() is not None:
        return
    if await calm.silence(session, org_id, silence_id) is None:
        raise NotThereError("there is no such silence")
    raise NotAllowedError("it may be seen and not ended")
