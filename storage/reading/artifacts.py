from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from storage.reading.pages import Orders, Slice, page
from storage.tables import Artifact, ArtifactDependency

ORDERS: Orders = {
    "created_at": (Artifact.created_at, Artifact.id),
    "type": (Artifact.type, Artifact.key, Artifact.version, Artifact.id),
    "version": (Artifact.version, Artifact.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which versions: None says all; `since` is about `created_at`, inclusive."""

    type: str | None = None
    key: str | None = None
    status: str | None = None
    since: datetime | None = None


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> list[Artifact]:
    """Return a part of the project's artifact versions, without their content."""
    query = select(Artifact).where(Artifact.org_id == org_id, Artifact.project_id == project_id)
    for column in ("type", "key", "status"):
        value = getattr(wanted, column)
        if value is not None:
            query = query.where(getattr(Artifact, column) == value)
    if wanted.since:
        query = query.where(Artifact.created_at >= wanted.since)
    return await page(session, query.options(defer(Artifact.content)), part)


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
