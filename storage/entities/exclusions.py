"""Hours that are taken out of detection, and given back to it. Detection hears of both (`tell_detection`)."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import NotAllowedError, NotThereError
from storage.reading import exclusions
from storage.tables import ExclusionWindow
from storage.tenancy import Claims


async def add(session: AsyncSession, claims: Claims, project_id: UUID, **values: Any) -> ExclusionWindow:
    """Return a new window with these `values` (columns of `ExclusionWindow`)."""
    row = insert(ExclusionWindow).values(
        org_id=claims.org_id, id=uuid4(), project_id=project_id, created_by=claims.user_id, **values
    )
    return (await session.scalars(row.returning(ExclusionWindow))).one()


async def take_back(session: AsyncSession, claims: Claims, project_id: UUID, window_id: UUID) -> None:
    """Let a window's hours count again; one that was taken back before keeps the time and author of that.

    Raises:
        NotThereError: there is no such window within sight.
        NotAllowedError: it may be seen and not changed.
    """
    stands = (
        ExclusionWindow.org_id == claims.org_id,
        ExclusionWindow.project_id == project_id,
        ExclusionWindow.id == window_id,
        ExclusionWindow.removed_at.is_(None),
    )
    ended = update(ExclusionWindow).where(*stands).values(removed_at=func.now(), removed_by=claims.user_id)
    if (await session.scalars(ended.returning(ExclusionWindow.id))).first() is not None:
        return
    found = await exclusions.one(session, claims.org_id, project_id, window_id)
    if found is None:
        raise NotThereError("there is no such exclusion in this project")
    if found.removed_at is None:
        raise NotAllowedError("it may be seen and not changed")
