from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import Evidence, GateArtifact, GateEvidence, PhaseGateDecision

ORDERS: Orders = {"decided_at": (PhaseGateDecision.decided_at, PhaseGateDecision.id)}
_GATES = text("SELECT phase, project_phase, next_phase, target_threshold, indicators FROM public.gates()")


@dataclass(frozen=True)
class Wanted:
    """Which decisions: at one gate, of one kind, from a time on."""

    phase: str | None = None
    decision: str | None = None
    since: datetime | None = None


class Whole(NamedTuple):
    """A decision and what it rests on."""

    decision: PhaseGateDecision
    artifacts: Sequence[GateArtifact]
    evidence_ids: Sequence[UUID]


async def gates(session: AsyncSession) -> Sequence[Row[Any]]:
    """Return the gates in their order, as the database has them."""
    return (await session.execute(_GATES)).all()


async def listed(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> list[PhaseGateDecision]:
    """Return a part of the project's decisions."""
    query = select(PhaseGateDecision).where(
        PhaseGateDecision.org_id == org_id, PhaseGateDecision.project_id == project_id
    )
    if wanted.phase:
        query = query.where(PhaseGateDecision.phase == wanted.phase)
    if wanted.decision:
        query = query.where(PhaseGateDecision.decision == wanted.decision)
    if wanted.since:
        query = query.where(PhaseGateDecision.decided_at >= wanted.since)
    return await page(session, query, part)


async def one(session: AsyncSession, org_id: UUID, decision_id: UUID) -> Whole | None:
    """Return the decision with what it rests on, if it is there and within sight."""
    query = select(PhaseGateDecision).where(
        PhaseGateDecision.org_id == org_id, PhaseGateDecision.id == decision_id
    )
    decision = (await session.scalars(query)).one_or_none()
    if decision is None:
        return None
    artifacts = (
        select(GateArtifact)
        .where(GateArtifact.org_id == org_id, GateArtifact.gate_decision_id == decision_id)
        .order_by(GateArtifact.artifact_id)
    )
    evidence = (
        select(GateEvidence.evidence_id)
        .where(GateEvidence.org_id == org_id, GateEvidence.gate_decision_id == decision_id)
        .order_by(GateEvidence.evidence_id)
    )
    return Whole(decision, (await session.scalars(artifacts)).all(), (await session.scalars(evidence)).all())


async def evidence_of(session: AsyncSession, org_id: UUID, project_id: UUID, ids: set[UUID]) -> set[UUID]:
    """Return which of these are pieces of evidence in the project."""
    query = select(Evidence.id).where(
        Evidence.org_id == org_id, Evidence.project_id == project_id, Evidence.id.in_(ids)
    )
    return set((await session.scalars(query)).all())
