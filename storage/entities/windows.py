"""Quiet hours and maintenance windows."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import AlertWindow
from storage.tenancy import Claims


async def add(session: AsyncSession, claims: Claims, values: Mapping[str, Any]) -> AlertWindow:
    """Return a new window with these `values` (columns of `AlertWindow`).

    Raises:
        IntegrityError: the organisation has one of this name.
        DBAPIError: there are too many (AG039), or the role does not allow it.
    """
    row = insert(AlertWindow).values(org_id=claims.org_id, id=uuid4(), created_by=claims.user_id, **values)
    return (await session.scalars(row.returning(AlertWindow))).one()


async def edit(
    session: AsyncSession, org_id: UUID, window_id: UUID, expected: Expected, changes: Mapping[str, Any]
) -> AlertWindow:
    """Change a window, and return it; fails as `edits.change` does."""
    return await edits.change(session, AlertWindow, _standing(org_id, window_id), expected, changes)


async def take_back(session: AsyncSession, org_id: UUID, window_id: UUID, expected: Expected) -> None:
    """Let a window hold nothing any more; fails as `edits.change` does."""
    ended = {"removed_at": func.now()}
    await edits.change(session, AlertWindow, _standing(org_id, window_id), expected, ended)


def _standing(org_id: UUID, window_id: UUID) -> dict[str, object]:
    return {"org_id": org_id, "id": window_id, "removed_at": None}
