from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from api.parameters import Name, OneOf
from api.schemas.base import Asked, Sent, Versioned
from detectors.tiers import EvidenceTier
from storage.tables.gates import DECISIONS, GATES
from storage.tables.product import PHASES

GatePhase = Annotated[str, OneOf(GATES)]
GateOutcome = Annotated[str, OneOf(DECISIONS)]
Reason = Annotated[str, StringConstraints(min_length=3, max_length=2000)]
_MOST = 100
_WHY = "Interviews and sizing agree; the segment is still narrow."
_OVERRIDE = "The board accepts the risk: the launch date is fixed."


class Gate(Sent):
    """A gate between two phases of a project."""

    phase: GatePhase = Field(examples=["VCD"])
    project_phase: Annotated[str, OneOf(PHASES)] = Field(
        description="the phase of the projects that it is for", examples=["DEFINE"]
    )
    next_phase: Annotated[str, OneOf(PHASES)] = Field(description="where it leads", examples=["DESIGN"])
    target_threshold: int = Field(description="the least score that is a PASS", examples=[75])
    indicators: int = Field(description="how many indicators a decision has, exactly", examples=[10])


class Gates(Sent):
    """The gates, in their order."""

    items: list[Gate]


class Indicator(Asked):
    """One thing that was looked at, and how good it was found. Which ones, a team says itself."""

    model_config = ConfigDict(from_attributes=True)

    name: Name = Field(examples=["problem_clarity"])
    score: Annotated[int, Field(strict=True, ge=0, le=100)] = Field(examples=[85])


class GateArtifact(Sent):
    """An artifact that a decision rests on."""

    artifact_id: UUID
    evidence_tier: EvidenceTier = Field(
        description="what its evidence supported when it was decided", examples=["E2"]
    )


class GateDecision(Versioned):
    """What was decided at a gate. It stays; an override stands beside it."""

    id: UUID
    org_id: UUID
    project_id: UUID
    phase: GatePhase = Field(examples=["VCD"])
    score: int = Field(description="the mean of the indicators, rounded half up", examples=[74])
    target_threshold: int = Field(examples=[75])
    decision: GateOutcome = Field(
        description="PASS from the threshold on, CONDITIONAL from 50 on, else FAIL", examples=["CONDITIONAL"]
    )
    indicators: list[Indicator]
    decided_by: UUID
    rationale: str = Field(examples=[_WHY])
    override_by: UUID | None = Field(examples=[None])
    override_reason: str | None = Field(examples=[None])
    created_at: datetime
    decided_at: datetime
    override_at: datetime | None = Field(examples=[None])
    version: int


class GateDecisionDetail(GateDecision):
    """A decision with what it rests on."""

    artifacts: list[GateArtifact]
    evidence_ids: list[UUID]


class NewGateDecision(Asked):
    """A decision to be. Score, threshold and outcome follow from it; who sends it decides."""

    phase: GatePhase = Field(description="the gate of the phase that the project is in", examples=["VCD"])
    indicators: Annotated[list[Indicator], Field(max_length=_MOST)] = Field(
        description="as many as the gate takes (GET /v1/gates), no name twice"
    )
    rationale: Reason = Field(examples=[_WHY])
    artifact_ids: Annotated[list[UUID], Field(min_length=1, max_length=_MOST)] = Field(
        description="versions in the project with evidence for E2 or more"
    )
    evidence_ids: Annotated[list[UUID], Field(max_length=_MOST)] = Field(
        default_factory=list, description="pieces of evidence in the project that were looked at"
    )


class GateOverride(Asked):
    """Why the project goes on all the same."""

    override_reason: Reason = Field(examples=[_OVERRIDE])
