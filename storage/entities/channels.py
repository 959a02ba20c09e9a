"""Where an organisation's alerts go. Secrets go in sealed, and nothing here reads them (ADR 0027)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import AlertChannel
from storage.tenancy import Claims


@dataclass(frozen=True, slots=True)
class New:
    """A channel to be; `sealed` is its secrets (`storage.channel_secrets.seal`)."""

    kind: str
    name: str
    settings: Mapping[str, Any]
    sealed: bytes | None
    rate_per_minute: int
    heartbeat_every: timedelta | None


async def add(session: AsyncSession, claims: Claims, new: New) -> AlertChannel:
    """Return a new channel.

    Raises:
        IntegrityError: the organisation has one of this name.
        DBAPIError: it has as many as it may (AG035).
    """
    row = insert(AlertChannel).values(
        org_id=claims.org_id, id=uuid4(), created_by=claims.user_id, **asdict(new)
    )
    return (await session.scalars(row.returning(AlertChannel))).one()


async def edit(
    session: AsyncSession, org_id: UUID, channel_id: UUID, expected: Expected, changes: Mapping[str, Any]
) -> AlertChannel:
    """Change a channel, and return it; fails as `edits.change` does. What is `sealed` replaces all secrets.

    Raises:
        IntegrityError: the organisation has one of this name.
        DBAPIError: secrets would go to another address (AG036).
    """
    replaced = {"secret_rotated_at": None} if "sealed" in changes else {}
    return await _changed(session, org_id, channel_id, expected, {**changes, **replaced})


async def rotate(
    session: AsyncSession, org_id: UUID, channel_id: UUID, expected: Expected, sealed: bytes
) -> AlertChannel:
    """Put a secret before the one that is live, which stays so; fails as `edits.change` does.

    Raises:
        DBAPIError: two are live already (AG036), or its kind has none to rotate.
    """
    changes = {"sealed": sealed, "secret_rotated_at": func.now()}
    return await _changed(session, org_id, channel_id, expected, changes)


async def retire(session: AsyncSession, org_id: UUID, channel_id: UUID, expected: Expected) -> AlertChannel:
    """End the older of two secrets, if there are two; fails as `edits.change` does."""
    return await _changed(session, org_id, channel_id, expected, {"secret_rotated_at": None})


async def enable(session: AsyncSession, org_id: UUID, channel_id: UUID, expected: Expected) -> AlertChannel:
    """Send to a channel again; fails as `edits.change` does."""
    changes = {"disabled_at": None, "disabled_reason": None}
    return await _changed(session, org_id, channel_id, expected, changes)


async def remove(session: AsyncSession, org_id: UUID, channel_id: UUID, expected: Expected) -> AlertChannel:
    """Remove a channel, its secrets with it; fails as `edits.change` does.

    Raises:
        DBAPIError: a route has it (AG036).
    """
    return await _changed(session, org_id, channel_id, expected, {"removed_at": func.now()})


async def _changed(
    session: AsyncSession, org_id: UUID, channel_id: UUID, expected: Expected, changes: Mapping[str, Any]
) -> AlertChannel:
    key = {"org_id": org_id, "id": channel_id, "removed_at": None}
    return await edits.change(session, AlertChannel, key, expected, changes)
