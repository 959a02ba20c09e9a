"""Pieces of evidence and their review; what follows what, and who may, is the database's (AG010-AG013)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import Artifact, Evidence
from storage.tenancy import Claims


async def add(session: AsyncSession, claims: Claims, artifact: Artifact, **values: Any) -> Evidence:
    """Return a new piece of evidence for an artifact version, with these `values` (columns of `Evidence`)."""
    row = insert(Evidence).values(
        org_id=claims.org_id,
        id=uuid4(),
        project_id=artifact.project_id,
        artifact_id=artifact.id,
        created_by=claims.user_id,
        **values,
    )
    return (await session.scalars(row.returning(Evidence))).one()


async def edit(
    session: AsyncSession, org_id: UUID, evidence_id: UUID, expected: Expected, changes: Mapping[str, Any]
) -> Evidence:
    """Change what a piece says; fails as `edits.change` does.

    Raises:
        DBAPIError: it is in review or reviewed (AG010), or somebody else's (AG012).
    """
    return await edits.change(session, Evidence, {"org_id": org_id, "id": evidence_id}, expected, changes)


async def step(
    session: AsyncSession, org_id: UUID, evidence_id: UUID, expected: Expected, status: str
) -> Evidence:
    """Take one step of the review; where it stands there already, nothing happens.

    Fails as `edits.change` does.

    Raises:
        DBAPIError: it is no step (AG013), or the author reviews (AG011).
    """
    key = {"org_id": org_id, "id": evidence_id}
    current = await edits.locked(session, Evidence, key, expected)
    if current.escalation_status == status:
        return current
    return await edits.change(session, Evidence, key, None, {"escalation_status": status})
