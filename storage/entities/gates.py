"""Decisions at gates: taken and overridden. What they come to and where they lead, the database says."""

from collections.abc import Iterable, Mapping
from uuid import UUID, uuid4

from sqlalchemy import Boolean, cast, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.entities.edits import Expected
from storage.tables import GateArtifact, GateEvidence, PhaseGateDecision
from storage.tenancy import Claims


async def decide(
    session: AsyncSession,
    claims: Claims,
    project_id: UUID,
    *,
    phase: str,
    indicators: Iterable[Mapping[str, object]],
    rationale: str,
    artifact_ids: Iterable[UUID],
    evidence_ids: Iterable[UUID] = (),
) -> PhaseGateDecision:
    """Return the decision on the gate `phase`; the project has followed it.

    Raises:
        DBAPIError: an artifact's evidence is not good enough (AG015), it is not the gate of the project's
            phase (AG016), the project is archived (AG018), the caller decides nothing here (42501), or the
            indicators are not those of the gate (23514).
    """
    row = insert(PhaseGateDecision).values(
        org_id=claims.org_id,
        id=uuid4(),
        project_id=project_id,
        phase=phase,
        indicators=list(indicators),
        rationale=rationale,
    )
    made = (await session.scalars(row.returning(PhaseGateDecision))).one()
    rests = {"org_id": made.org_id, "project_id": project_id, "gate_decision_id": made.id}
    artifacts = [{**rests, "artifact_id": each} for each in dict.fromkeys(artifact_ids)]
    evidence = [{**rests, "evidence_id": each} for each in dict.fromkeys(evidence_ids)]
    if artifacts:
        await session.execute(insert(GateArtifact).values(artifacts))
    if evidence:
        await session.execute(insert(GateEvidence).values(evidence))
    return made


async def override(
    session: AsyncSession, org_id: UUID, decision_id: UUID, expected: Expected, reason: str
) -> PhaseGateDecision:
    """Return the decision, overridden; fails as `edits.change` does.

    Raises:
        DBAPIError: it is none that can be overridden (AG017), or its project is archived (AG018).
    """
    key = {"org_id": org_id, "id": decision_id}
    return await edits.change(session, PhaseGateDecision, key, expected, {"override_reason": reason})


async def declare_phase(session: AsyncSession, project_id: UUID, phase: str) -> bool:
    """Say where a project stands; tell whether that was taken, which it is until its first gate decision."""
    asked = select(cast(func.public.declare_phase(project_id, phase), Boolean))
    return bool((await session.scalars(asked)).one())
