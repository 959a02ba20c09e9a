"""Silences and windows as people look at them, and what of them holds, or may."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Case, Row, Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from routing.calm import Silence, Window
from storage import calm
from storage.reading.pages import Orders, Slice, page, page_of
from storage.tables import AlertSilence, AlertWindow

STATES = ("active", "pending", "ended")
SILENCE_ORDERS: Orders = {
    "created_at": (AlertSilence.created_at, AlertSilence.id),
    "starts_at": (AlertSilence.starts_at, AlertSilence.id),
    "ends_at": (AlertSilence.ends_at, AlertSilence.id),
}
WINDOW_ORDERS: Orders = {
    "created_at": (AlertWindow.created_at, AlertWindow.id),
    "name": (AlertWindow.name, AlertWindow.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which silences, None says all; `project_id` says those that name it, or no project."""

    state: str | None = None
    project_id: UUID | None = None


async def silences(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> Sequence[Row[Any]]:
    """Return a part of the organisation's silences, each with its state now."""
    query = _silences(org_id)
    if wanted.state:
        query = query.where(_state() == wanted.state)
    if wanted.project_id:
        named = AlertSilence.project_ids
        query = query.where(or_(func.cardinality(named) == 0, named.contains([wanted.project_id])))
    return await page_of(session, query, part)


async def silence(session: AsyncSession, org_id: UUID, silence_id: UUID) -> Row[Any] | None:
    """Return the silence with its state now, if it is there and within sight."""
    query = _silences(org_id).where(AlertSilence.id == silence_id)
    found: Row[Any] | None = (await session.execute(query)).one_or_none()
    return found


async def windows(session: AsyncSession, org_id: UUID, part: Slice) -> list[AlertWindow]:
    """Return a part of the organisation's windows."""
    return await page(session, _windows(org_id), part)


async def window(session: AsyncSession, org_id: UUID, window_id: UUID) -> AlertWindow | None:
    """Return the window, if it is there and within sight."""
    found = await session.scalars(_windows(org_id).where(AlertWindow.id == window_id))
    return found.one_or_none()


async def holding(session: AsyncSession, org_id: UUID, at: datetime) -> tuple[list[Silence], list[Window]]:
    """Return what holds at `at`, or may later, as far as the caller sees it: `storage.calm`, for people."""
    live = _silences(org_id).where(func.coalesce(AlertSilence.ended_at, AlertSilence.ends_at) > at)
    standing = select(*AlertWindow.__table__.columns).where(
        AlertWindow.org_id == org_id, AlertWindow.removed_at.is_(None)
    )
    silences = [calm.silence(dict(row)) for row in (await session.execute(live)).mappings()]
    windows = [dict(row) for row in (await session.execute(standing)).mappings()]
    return silences, list(calm.usable(windows))


def _silences(org_id: UUID) -> Select[Any]:
    columns = AlertSilence.__table__.columns
    return select(*columns, _state().label("state")).where(AlertSilence.org_id == org_id)


def _windows(org_id: UUID) -> Select[Any]:
    return select(AlertWindow).where(AlertWindow.org_id == org_id, AlertWindow.removed_at.is_(None))


def _state() -> Case[str]:
    ends = func.coalesce(AlertSilence.ended_at, AlertSilence.ends_at)
    return case(
        (ends <= func.clock_timestamp(), "ended"),
        (AlertSilence.starts_at > func.clock_timestamp(), "pending"),
        else_="active",
    )
