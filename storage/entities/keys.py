"""Rows of ingest keys; how a key is made and checked is in `storage.ingest_keys`."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage import ingest_keys
from storage.tables import IngestKey
from storage.tenancy import Claims


async def has_one(session: AsyncSession, org_id: UUID, project_id: UUID) -> bool:
    """Tell whether the project has an ingest key that is not revoked."""
    query = select(IngestKey.id).where(
        IngestKey.org_id == org_id, IngestKey.project_id == project_id, IngestKey.revoked_at.is_(None)
    )
    return (await session.scalars(query.limit(1))).first() is not None


async def create(session: AsyncSession, claims: Claims, project_id: UUID, name: str) -> str:
    """Return the text of a new key; nobody can be told it again."""
    key_id, text, sha256 = ingest_keys.make()
    session.add(
        IngestKey(
            org_id=claims.org_id,
            id=key_id,
            project_id=project_id,
            name=name,
            secret_sha256=sha256,
            created_by=claims.user_id,
        )
    )
    await session.flush()
    return text
