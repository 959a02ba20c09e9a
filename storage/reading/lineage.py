"""What rests on what, as a person or a key may see it: the lineage that detection reads."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from detectors.cascade import Lineage
from storage import detection
from storage.tables import Artifact


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
