"""Approval: from now on a version's assumptions are watched, as they stand, and its predecessor's are not."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from detectors.assumptions import Assumption, read_content
from storage.errors import NotApprovableError
from storage.tables import Artifact, AssumptionRow
from storage.tables.product import LIVE_STATUSES


async def approve(session: AsyncSession, org_id: UUID, artifact_id: UUID, at: datetime) -> Artifact:
    """Approve a version at `at`: freeze its assumptions as rows, supersede those of older versions.

    A draft is submitted on the way: who may approve may submit. An assumption's evidence tier is its own or
    else the artifact's, its `effective_from` its own or `at`. Whether the project's other
    artifacts agree is `agreement.agree`'s to say, when all that is approved together is.

    Raises:
        NotApprovableError: it is approved already, or a later version is, or it is not there.
        ContentError: `content.assumptions` cannot be read.
    """
    artifact = await _approvable(session, org_id, artifact_id)
    read = read_content(artifact.content or {})
    if artifact.status == "DRAFT":
        await _step(session, artifact, status="REVIEW", submitted_at=at)
    await _step(session, artifact, status="APPROVED", approved_at=at)
    await session.refresh(artifact)
    await _supersede(session, artifact, at)
    if read.assumptions:
        rows = [_row(artifact, assumption, at) for assumption in read.assumptions]
        await session.execute(insert(AssumptionRow), rows)
    return artifact


async def _approvable(session: AsyncSession, org_id: UUID, artifact_id: UUID) -> Artifact:
    query = select(Artifact).where(Artifact.org_id == org_id, Artifact.id == artifact_id).with_for_update()
    artifact = (await session.scalars(query)).one_or_none()
    if artifact is None:
        raise NotApprovableError(f"there is no artifact {artifact_id}")
    if artifact.status in LIVE_STATUSES:
        raise NotApprovableError(f"version {artifact.version} of {artifact.key} is approved already")
    later = aliased(Artifact)
    approved_later = exists().where(
        later.org_id == org_id,
        later.project_id == artifact.project_id,
        later.type == artifact.type,
        later.key == artifact.key,
        later.version > artifact.version,
        later.status.in_(LIVE_STATUSES),
    )
    if (await session.scalars(select(approved_later))).one():
        raise NotApprovableError(f"a later version of {artifact.key} than {artifact.version} is approved")
    return artifact


async def _step(session: AsyncSession, artifact: Artifact, **values: Any) -> None:
    """Take one step of the status; who takes it, and whether it is one, is the trigger's to say."""
    await session.execute(
        update(Artifact)
        .where(Artifact.org_id == artifact.org_id, Artifact.id == artifact.id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


async def _supersede(session: AsyncSession, artifact: Artifact, at: datetime) -> None:
    older = select(Artifact.id).where(
        Artifact.org_id == artifact.org_id,
        Artifact.project_id == artifact.project_id,
        Artifact.type == artifact.type,
        Artifact.key == artifact.key,
        Artifact.version < artifact.version,
    )
    await session.execute(
        update(AssumptionRow)
        .where(
            AssumptionRow.org_id == artifact.org_id,
            AssumptionRow.artifact_id.in_(older),
            AssumptionRow.superseded_at.is_(None),
        )
        .values(superseded_at=at)
        .execution_options(synchronize_session=False)
    )


def _row(artifact: Artifact, assumption: Assumption, at: datetime) -> dict[str, object]:
    return {
        "org_id": artifact.org_id,
        "id": uuid4(),
        "project_id": artifact.project_id,
        "artifact_id": artifact.id,
        "key": assumption.key,
        "statement": assumption.statement,
        "metric_name": assumption.metric_name,
        "cohort": assumption.cohort,
        "feature": assumption.feature,
        "operator": assumption.operator,
        "value": assumption.value,
        "unit": assumption.unit,
        "tolerance": assumption.tolerance,
        "tolerance_kind": assumption.tolerance_kind,
        "divergence_type": assumption.type,
        "evidence_tier": assumption.evidence_tier or artifact.evidence_tier,
        "effective_from": assumption.effective_from or at,
        "min_users": assumption.min_users,
        "min_samples": assumption.min_samples,
        "launch_grace_days": assumption.launch_grace_days,
        "slow": assumption.slow,
        "shadow_days": assumption.shadow_days,
        "owner": assumption.owner,
        "runbook_url": assumption.runbook_url,
    }
