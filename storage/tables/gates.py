"""Decisions at the gates between phases, and what they rest on (DataModel.md 7)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import (
    Base,
    CreatedAt,
    IdKey,
    OrgKey,
    length,
    one_of,
    within_org,
    within_project,
)

GATES = ("VRC", "VCD", "DSP", "MDP")
DECISIONS = ("PASS", "CONDITIONAL", "FAIL")
_DECISION = (
    "CASE WHEN score >= target_threshold THEN 'PASS' WHEN score >= 50 THEN 'CONDITIONAL' ELSE 'FAIL' END"
)


class PhaseGateDecision(Base):
    """What was decided at a gate; nothing of it changes but that it may be overridden, once.

    A caller sends `phase`, `indicators` (`{"name": ..., "score": 0-100}`, as many as the gate takes) and
    `rationale`, later `override_reason`; all else is the database's (ADR 0018). A project's decisions have
    `decided_at` one after the other.
    """

    __tablename__ = "phase_gate_decision"
    __table_args__ = (
        within_org("project_id", "project"),
        UniqueConstraint("org_id", "project_id", "id"),
        UniqueConstraint("org_id", "project_id", "decided_at"),
        one_of("phase", GATES),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        CheckConstraint("target_threshold BETWEEN 50 AND 100", name="target_threshold"),
        CheckConstraint("jsonb_typeof(indicators) = 'array'", name="indicators"),
        length("rationale", 3, 2000),
        length("override_reason", 3, 2000),
        CheckConstraint(
            "(override_at IS NULL) = (override_by IS NULL)"
            " AND (override_at IS NULL) = (override_reason IS NULL)"
            " AND (override_at IS NULL OR decision <> 'PASS')",
            name="override",
        ),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    phase: Mapped[str]
    score: Mapped[int]
    target_threshold: Mapped[int]
    decision: Mapped[str] = mapped_column(Computed(_DECISION, persisted=True))
    indicators: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    rationale: Mapped[str]
    override_by: Mapped[UUID | None] = mapped_column(ForeignKey("app_user.id"))
    override_reason: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    decided_at: Mapped[datetime]
    override_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class GateArtifact(Base):
    """An artifact that a decision rests on, with the tier that its evidence supported at that time."""

    __tablename__ = "gate_artifact"
    __table_args__ = (
        within_project("gate_decision_id", "phase_gate_decision"),
        within_project("artifact_id", "artifact"),
        one_of("evidence_tier", ("E2", "E3", "E4")),
        Index("ix_gate_artifact_artifact", "org_id", "artifact_id"),
    )

    org_id: Mapped[OrgKey]
    gate_decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    artifact_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    evidence_tier: Mapped[str]
    created_at: Mapped[CreatedAt]


class GateEvidence(Base):
    """A piece of evidence that a decision names."""

    __tablename__ = "gate_evidence"
    __table_args__ = (
        within_project("gate_decision_id", "phase_gate_decision"),
        within_project("evidence_id", "evidence"),
        Index("ix_gate_evidence_evidence", "org_id", "evidence_id"),
    )

    org_id: Mapped[OrgKey]
    gate_decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    evidence_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    created_at: Mapped[CreatedAt]
