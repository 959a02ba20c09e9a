"""What rests on what, as a person or a key may see it: the lineage that detection reads."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, defer

from detectors.cascade import Lineage
from storage import detection
from storage.tables import Artifact, DivergenceReport
from storage.tables.findings import UNRESOLVED_STATES
from storage.tables.product import LIVE_STATUSES


class Surroundings(NamedTuple):
    """An artifact version, without its content, and its place in the lineage of its project."""

    artifact: Artifact
    place: str
    lineage: Lineage


async def around(session: AsyncSession, org_id: UUID, artifact_id: UUID) -> Surroundings | None:
    """Return the version with the lineage around it, if it is there and within sight."""
    artifact = await session.get(Artifact, (org_id, artifact_id), options=[defer(Artifact.content)])
    if artifact is None:
        return None
    # The driver's connection is in the session's transaction: it sees what the claims let it see.
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    lineage, places = await detection.lineage(driver, org_id, artifact.project_id)
    return Surroundings(artifact, places[artifact_id], lineage)


async def in_force(
    session: AsyncSession, org_id: UUID, project_id: UUID, type_: str, key: str
) -> UUID | None:
    """Return the version of a document that is in force, the latest where none is; None: no such document."""
    query = (
        select(Artifact.id)
        .where(Artifact.org_id == org_id, Artifact.project_id == project_id)
        .where(Artifact.type == type_, Artifact.key == key)
        .order_by(Artifact.status.in_(LIVE_STATUSES).desc(), Artifact.version.desc())
        .limit(1)
    )
    return (await session.scalars(query)).one_or_none()


async def open_reports(session: AsyncSession, artifact: Artifact) -> Sequence[DivergenceReport]:
    """Return the open reports about any version of the artifact's document, the best evidence first."""
    version = aliased(Artifact)
    query = (
        select(DivergenceReport)
        .join(
            version,
            (version.org_id == DivergenceReport.org_id) & (version.id == DivergenceReport.artifact_id),
        )
        .where(DivergenceReport.org_id == artifact.org_id, DivergenceReport.state.in_(UNRESOLVED_STATES))
        .where(version.project_id == artifact.project_id)
        .where(version.type == artifact.type, version.key == artifact.key)
        .order_by(DivergenceReport.tier_delta.desc(), DivergenceReport.detected_at, DivergenceReport.id)
    )
    return (await session.scalars(query)).all()
