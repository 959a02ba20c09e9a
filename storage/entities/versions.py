"""What happens to one version of an artifact: edits, steps of its status, tags, what it rests on.

A tag or a link is part of how a version is shown: it raises the version's revision as an edit does.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, null, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import agreement, approval, edits
from storage.entities.edits import Expected
from storage.errors import NotThereError
from storage.tables import Artifact, ArtifactDependency, Tag


async def edit(
    session: AsyncSession, org_id: UUID, artifact_id: UUID, expected: Expected, changes: Mapping[str, Any]
) -> None:
    """Change content or evidence tier; fails as `edits.change` does.

    Raises:
        DBAPIError: the version is approved (AG004).
    """
    values = {name: null() if value is None else value for name, value in changes.items()}
    await edits.change(session, Artifact, {"org_id": org_id, "id": artifact_id}, expected, values)


async def step(
    session: AsyncSession, org_id: UUID, artifact_id: UUID, expected: Expected, status: str, at: datetime
) -> None:
    """Take one step of the status at `at`; where it stands there already, nothing happens.

    Fails as `edits.change` does.

    Raises:
        DBAPIError: it is no step (AG003).
        NotApprovableError: a later version is approved.
        ContentError: `content.assumptions` cannot be read, or contradicts what another artifact assumes.
    """
    key = {"org_id": org_id, "id": artifact_id}
    current = await edits.locked(session, Artifact, key, expected)
    if current.status == status:
        return
    if (current.status, status) == ("REVIEW", "APPROVED"):
        await agreement.agree(session, await approval.approve(session, org_id, artifact_id, at))
    else:
        when = {"REVIEW": {"submitted_at": at}, "DEPLOYED": {"deployed_at": at}}.get(status, {})
        await edits.change(session, Artifact, key, expected, {"status": status, **when})


async def tag(session: AsyncSession, org_id: UUID, artifact_id: UUID, tag_name: str) -> Tag:
    """Put a tag on the version; fails as `edits.change` does.

    Raises:
        IntegrityError: it has this tag.
    """
    artifact = await _touched(session, org_id, artifact_id)
    row = insert(Tag).values(
        org_id=org_id,
        id=uuid4(),
        project_id=artifact.project_id,
        artifact_id=artifact_id,
        tag_name=tag_name,
    )
    return (await session.scalars(row.returning(Tag))).one()


async def untag(session: AsyncSession, org_id: UUID, artifact_id: UUID, tag_name: str) -> None:
    """Take a tag off the version; fails as `edits.change` does.

    Raises:
        NotThereError: it has no such tag.
    """
    await _touched(session, org_id, artifact_id)
    named = (Tag.org_id == org_id, Tag.artifact_id == artifact_id, Tag.tag_name == tag_name)
    if (await session.scalars(delete(Tag).where(*named).returning(Tag.id))).one_or_none() is None:
        raise NotThereError("the version has no such tag")


async def rest(
    session: AsyncSession, org_id: UUID, artifact_id: UUID, depends_on_id: UUID
) -> ArtifactDependency:
    """Note that the version rests on another; fails as `edits.change` does.

    Raises:
        IntegrityError: that one is not in this project, or it is noted already.
        DBAPIError: that one rests on this version (AG007).
    """
    artifact = await _touched(session, org_id, artifact_id)
    row = insert(ArtifactDependency).values(
        org_id=org_id,
        artifact_id=artifact_id,
        depends_on_id=depends_on_id,
        project_id=artifact.project_id,
    )
    return (await session.scalars(row.returning(ArtifactDependency))).one()


async def in_project(session: AsyncSession, org_id: UUID, project_id: UUID, ids: set[UUID]) -> set[UUID]:
    """Return those of the ids that name a version in the project."""
    query = select(Artifact.id).where(
        Artifact.org_id == org_id, Artifact.project_id == project_id, Artifact.id.in_(ids)
    )
    return set((await session.scalars(query)).all())


async def _touched(session: AsyncSession, org_id: UUID, artifact_id: UUID) -> Artifact:
    key = {"org_id": org_id, "id": artifact_id}
    return await edits.change(session, Artifact, key, None, {"status": Artifact.status})
