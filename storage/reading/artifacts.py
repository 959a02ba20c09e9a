from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from storage.reading.pages import page
from storage.tables import Artifact, ArtifactDependency

KEY = (Artifact.created_at, Artifact.id)


@dataclass(frozen=True)
class Wanted:
    """Which versions: None says all."""

    type: str | None = None
    key: str | None = None
    status: str | None = None


async def listed(
    session: AsyncSession,
    org_id: UUID,
    project_id: UUID,
    wanted: Wanted,
    *,
    after: Sequence[object] | None,
    limit: int,
) -> list[Artifact]:
    """Return a page of the project's artifact versions, without their content."""
    query = select(Artifact).where(Artifact.org_id == org_id, Artifact.project_id == project_id)
    for column in ("type", "key", "status"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(Artifact, column) == value)
    return await page(session, query.options(defer(Artifact.content)), KEY, after, limit)


async def one(session: AsyncSession, org_id: UUID, artifact_id: UUID) -> tuple[Artifact, list[UUID]] | None:
    """Return the version and the ids of those it rests on, if it is there and within sight."""
    query = select(Artifact).where(Artifact.org_id == org_id, Artifact.id == artifact_id)
    artifact = (await session.scalars(query)).one_or_none()
    if artifact is None:
        return None
    links = select(ArtifactDependency.depends_on_id).where(
        ArtifactDependency.org_id == org_id, ArtifactDependency.artifact_id == artifact_id
    )
    return artifact, list((await session.scalars(links.order_by(ArtifactDependency.depends_on_id))).all())
