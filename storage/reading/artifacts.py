from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, defer

from storage.entities.artifacts import is_latest
from storage.reading.pages import Orders, Slice, page
from storage.tables import Artifact, ArtifactDependency, Tag

ORDERS: Orders = {
    "created_at": (Artifact.created_at, Artifact.id),
    "type": (Artifact.type, Artifact.key, Artifact.version, Artifact.id),
    "version": (Artifact.version, Artifact.id),
}


@dataclass(frozen=True)
class Wanted:
    """Which versions: None says all; `since` is about `created_at`, inclusive.

    `latest`: of each type and key the one of the highest version, whatever its status.
    """

    type: str | None = None
    key: str | None = None
    status: str | None = None
    tag: str | None = None
    since: datetime | None = None
    latest: bool = False
    evidence_tier: str | None = None


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> list[Artifact]:
    """Return a part of the project's artifact versions, without their content."""
    return await page(session, of_project(org_id, project_id, wanted), part)


def of_project(org_id: UUID, project_id: UUID, wanted: Wanted) -> Select[Artifact]:
    """Return the query of these versions, without their content."""
    found = select(Artifact).where(Artifact.org_id == org_id, Artifact.project_id == project_id)
    for column in ("type", "key", "status", "evidence_tier"):
        value = getattr(wanted, column)
        if value is not None:
            found = found.where(getattr(Artifact, column) == value)
    if wanted.since:
        found = found.where(Artifact.created_at >= wanted.since)
    if wanted.tag is not None:
        found = found.where(_tagged(org_id, wanted.tag))
    if wanted.latest:
        found = found.where(is_latest(org_id, project_id, wanted.type))
    return found.options(defer(Artifact.content))


class Whole(NamedTuple):
    """A version, the ids of those it rests on, and its tags, both in order."""

    artifact: Artifact
    depends_on: list[UUID]
    tags: list[str]


async def one(session: AsyncSession, org_id: UUID, artifact_id: UUID) -> Whole | None:
    """Return the version with all that belongs to it, if it is there and within sight."""
    links = select(func.array_agg(_ordered(ArtifactDependency.depends_on_id))).where(
        ArtifactDependency.org_id == org_id, ArtifactDependency.artifact_id == artifact_id
    )
    tags = select(func.array_agg(_ordered(Tag.tag_name))).where(
        Tag.org_id == org_id, Tag.artifact_id == artifact_id
    )
    query = select(Artifact, links.scalar_subquery(), tags.scalar_subquery()).where(
        Artifact.org_id == org_id, Artifact.id == artifact_id
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else Whole(row[0], row[1] or [], row[2] or [])


async def bare(session: AsyncSession, org_id: UUID, artifact_id: UUID) -> Artifact | None:
    """Return the version without its content, if it is there and within sight."""
    query = select(Artifact).where(Artifact.org_id == org_id, Artifact.id == artifact_id)
    return (await session.scalars(query.options(defer(Artifact.content)))).one_or_none()


def _tagged(org_id: UUID, tag_name: str) -> ColumnElement[bool]:
    return Artifact.id.in_(select(Tag.artifact_id).where(Tag.org_id == org_id, Tag.tag_name == tag_name))


def _ordered(column: InstrumentedAttribute[Any]) -> aggregate_order_by[Any]:
    return aggregate_order_by(column, column)
