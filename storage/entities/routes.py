"""Routes of alerts, written: what a route is about, how it tells, and which channels."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import AlertRoute, AlertRouteChannel
from storage.tables.routes import CHANNEL_ROLES
from storage.tenancy import Claims

Channels = Mapping[str, Iterable[UUID]]
"""Ids of channels by what they are for: notify, escalate."""


async def add(session: AsyncSession, claims: Claims, values: Mapping[str, Any], channels: Channels) -> UUID:
    """Make a route with these `values` (columns of `AlertRoute`), and return its id.

    A `position` of None is behind all others but the default one.

    Raises:
        IntegrityError: the organisation has one of this name, or a channel is not its own.
        DBAPIError: it has as many as it may (AG037), or a project is not its own (AG038).
    """
    route_id = uuid4()
    row = {**values, "org_id": claims.org_id, "id": route_id, "created_by": claims.user_id}
    await session.execute(insert(AlertRoute).values(row))
    await _name(session, claims.org_id, route_id, channels)
    return route_id


async def edit(
    session: AsyncSession,
    org_id: UUID,
    route_id: UUID,
    expected: Expected,
    values: Mapping[str, Any],
    channels: Channels,
) -> None:
    """Change a route, and its channels for what `channels` names; fails as `edits.change` and `add` do."""
    # Its version grows with its channels, too, and the row makes others who change it wait.
    touched = values or {"name": AlertRoute.name}
    await edits.change(session, AlertRoute, {"org_id": org_id, "id": route_id}, expected, touched)
    gone = delete(AlertRouteChannel).where(
        AlertRouteChannel.org_id == org_id,
        AlertRouteChannel.route_id == route_id,
        AlertRouteChannel.role.in_([role for role in CHANNEL_ROLES if role in channels]),
    )
    await session.execute(gone)
    await _name(session, org_id, route_id, channels)


async def remove(session: AsyncSession, org_id: UUID, route_id: UUID, expected: Expected) -> None:
    """Delete a route; fails as `edits.remove` does. The default one is nobody's to delete."""
    await edits.remove(session, AlertRoute, {"org_id": org_id, "id": route_id}, expected)


async def _name(session: AsyncSession, org_id: UUID, route_id: UUID, channels: Channels) -> None:
    rows = [
        {"org_id": org_id, "route_id": route_id, "channel_id": channel_id, "role": role}
        for role, ids in channels.items()
        for channel_id in dict.fromkeys(ids)
    ]
    if rows:
        await session.execute(insert(AlertRouteChannel).values(rows))
