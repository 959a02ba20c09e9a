"""A project's OTLP mapping: versions, the newest of which holds."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities.edits import Expected
from storage.errors import NotThereError, StaleError
from storage.tables import OtlpMapping
from storage.tenancy import Claims


async def live(session: AsyncSession, org_id: UUID, project_id: UUID) -> OtlpMapping | None:
    """Return the version that holds, None where the project has none of its own."""
    query = (
        select(OtlpMapping)
        .where(OtlpMapping.org_id == org_id, OtlpMapping.project_id == project_id)
        .order_by(OtlpMapping.version.desc())
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


async def put(
    session: AsyncSession,
    claims: Claims,
    project_id: UUID,
    expected: Expected,
    rules: dict[str, Any],
    *,
    must_exist: bool = False,
) -> tuple[OtlpMapping, bool]:
    """Let `rules` hold from now on; return the version, and whether it is the first one.

    The same rules again are no new version.

    Raises:
        NotThereError: there is none, and there must be.
        StaleError: the version that holds is none of `expected`.
    """
    before = await _locked(session, claims, project_id)
    if before is None and must_exist:
        raise NotThereError("the project has no mapping of its own")
    if before is not None and expected is not None and before.version not in expected:
        raise StaleError(before.version)
    if before is not None and before.rules == rules:
        return before, False
    row = insert(OtlpMapping).values(
        org_id=claims.org_id, id=uuid4(), project_id=project_id, rules=rules, created_by=claims.user_id
    )
    return (await session.scalars(row.returning(OtlpMapping))).one(), before is None


async def _locked(session: AsyncSession, claims: Claims, project_id: UUID) -> OtlpMapping | None:
    # The lock that the database takes to number the version: who else puts one waits from here on.
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended('OTLP mapping of ' || :project, 0))")
    await session.execute(lock, {"project": str(project_id)})
    return await live(session, claims.org_id, project_id)
