from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, any_, cast, func, insert, null, select
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.tables import Artifact, ArtifactDependency
from storage.tenancy import Claims


class Name(NamedTuple):
    """What tells an artifact of a project from the others, whatever its version."""

    type: str
    key: str


async def latest(session: AsyncSession, org_id: UUID, project_id: UUID) -> dict[Name, Artifact]:
    """Return the latest version of each artifact of the project."""
    query = select(Artifact).where(Artifact.org_id == org_id, is_latest(org_id, project_id))
    rows: Sequence[Artifact] = (await session.scalars(query)).all()
    return {Name(row.type, row.key): row for row in rows}


def is_latest(org_id: UUID, project_id: UUID, type_: str | None = None) -> ColumnElement[bool]:
    """Return the condition that an artifact is the latest version of its type (or of this one) and key.

    As an array, which PostgreSQL makes once: under row security few rows are expected of each look at the
    table, and for a join, EXISTS or IN the planner may take that look again for every version.
    """
    every = aliased(Artifact)
    query = (
        select(every.id)
        .ext(distinct_on(every.type, every.key))
        .where(every.org_id == org_id, every.project_id == project_id)
        .order_by(every.type, every.key, every.version.desc())
    )
    ids = query if type_ is None else query.where(every.type == type_)
    return Artifact.id == any_(func.array(ids.scalar_subquery()))


async def dependencies(
    session: AsyncSession, org_id: UUID, artifact_ids: Iterable[UUID]
) -> dict[UUID, dict[Name, set[UUID]]]:
    """Return, for each artifact version, what it depends on: the versions by name."""
    query = (
        select(ArtifactDependency.artifact_id, Artifact.type, Artifact.key, Artifact.id)
        .join(
            Artifact,
            (Artifact.org_id == ArtifactDependency.org_id)
            & (Artifact.id == ArtifactDependency.depends_on_id),
        )
        .where(ArtifactDependency.org_id == org_id, ArtifactDependency.artifact_id.in_(list(artifact_ids)))
    )
    found: dict[UUID, dict[Name, set[UUID]]] = defaultdict(lambda: defaultdict(set))
    for artifact_id, kind, key, depends_on_id in await session.execute(query):
        found[artifact_id][Name(kind, key)].add(depends_on_id)
    return found


def declared(artifact: Artifact) -> str:
    """Return the tier that the team has declared, whatever evidence has raised it to since."""
    return artifact.declared_tier or artifact.evidence_tier


async def has_content(session: AsyncSession, artifact: Artifact, content: Mapping[str, Any]) -> bool:
    """Tell whether the version has this content; PostgreSQL compares, as it would store it."""
    query = select(Artifact.content == cast(content, JSONB)).where(
        Artifact.org_id == artifact.org_id, Artifact.id == artifact.id
    )
    return bool((await session.scalars(query)).one())


async def create_version(
    session: AsyncSession,
    claims: Claims,
    project_id: UUID,
    name: Name,
    *,
    content: Mapping[str, Any] | None,
    evidence_tier: str,
) -> Artifact:
    """Return the next version of the artifact, a draft; the database numbers it."""
    row = insert(Artifact).values(
        org_id=claims.org_id,
        id=uuid4(),
        project_id=project_id,
        type=name.type,
        key=name.key,
        content=null() if content is None else dict(content),
        evidence_tier=evidence_tier,
        created_by=claims.user_id,
    )
    return (await session.scalars(row.returning(Artifact))).one()


async def link(session: AsyncSession, artifact: Artifact, depends_on: Iterable[UUID]) -> None:
    """Note what the artifact rests on; what is noted already stays."""
    rows = [
        {
            "org_id": artifact.org_id,
            "artifact_id": artifact.id,
            "depends_on_id": other,
            "project_id": artifact.project_id,
        }
        for other in depends_on
    ]
    if rows:
        await session.execute(upsert(ArtifactDependency).values(rows).on_conflict_do_nothing())
