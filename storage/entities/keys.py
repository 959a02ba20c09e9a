"""Rows of machine keys; how a key is made and checked is in `storage.machine_keys`."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage import machine_keys
from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import MachineKey
from storage.tenancy import Claims, KeyClaims, TenantSessions

DATA = ("publish", "read")
"""What a key may that nobody asked more of: nothing that costs."""


class KeyLogin(NamedTuple):
    """What a key that was shown to us is good for."""

    key_id: UUID
    org_id: UUID
    project_id: UUID
    scopes: Sequence[str]


async def has_one(session: AsyncSession, org_id: UUID, project_id: UUID) -> bool:
    """Tell whether the project has a machine key that is not revoked."""
    query = select(MachineKey.id).where(
        MachineKey.org_id == org_id, MachineKey.project_id == project_id, MachineKey.revoked_at.is_(None)
    )
    return (await session.scalars(query.limit(1))).first() is not None


async def create(
    session: AsyncSession,
    claims: Claims,
    project_id: UUID,
    name: str,
    *,
    scopes: Sequence[str] = DATA,
    expires_at: datetime | None = None,
    quota: str | None = None,
) -> tuple[UUID, str]:
    """Return the id and the text of a new key; nobody can be told the text again.

    `quota` bounds the samples that it may publish (`storage.quotas.parse`).
    """
    key_id, key, sha256 = machine_keys.make()
    await session.execute(
        insert(MachineKey).values(
            org_id=claims.org_id,
            id=key_id,
            project_id=project_id,
            name=name,
            scopes=list(scopes),
            secret_sha256=sha256,
            created_by=claims.user_id,
            expires_at=expires_at,
            quota=quota,
        )
    )
    return key_id, key


async def rename(
    session: AsyncSession, org_id: UUID, key_id: UUID, expected: Expected, name: str
) -> MachineKey:
    """Give a key another name, and return it; fails as `edits.change` does."""
    return await edits.change(session, MachineKey, {"org_id": org_id, "id": key_id}, expected, {"name": name})


async def revoke(session: AsyncSession, org_id: UUID, key_id: UUID, expected: Expected) -> MachineKey:
    """End a key, and return it; fails as `edits.change` does.

    One that was revoked before keeps the time of that.
    """
    ended = {"revoked_at": func.coalesce(MachineKey.revoked_at, func.now())}
    return await edits.change(session, MachineKey, {"org_id": org_id, "id": key_id}, expected, ended)


async def login(sessions: TenantSessions, key: str) -> KeyLogin | None:
    """Return what the key is good for, and note the use; None where it is unknown, revoked or expired."""
    key_id = machine_keys.parse(key)
    if key_id is None:
        return None
    # The nil organisation: before the key is found there is none to ask for.
    async with sessions.open(KeyClaims(key_id, UUID(int=0))) as session:
        row = (
            await session.execute(
                text("SELECT org_id, project_id, scopes FROM auth.key_login(:id, :sha256)"),
                {"id": key_id, "sha256": machine_keys.digest(key)},
            )
        ).one_or_none()
    return None if row is None else KeyLogin(key_id, *row)
