"""What is decided between phases; times are text in RFC 3339, UTC."""

from typing import TypedDict


class Gate(TypedDict):
    """A gate: `phase` its name, of which phase of a project it is, where it leads, what it asks for."""

    phase: str
    project_phase: str
    next_phase: str
    target_threshold: int
    indicators: int


class Indicator(TypedDict):
    """One thing that was looked at, and how good it was found: 0 to 100."""

    name: str
    score: int


class GateArtifact(TypedDict):
    """An artifact that a decision rests on, and what its evidence supported then."""

    artifact_id: str
    evidence_tier: str


class GateDecision(TypedDict):
    """What was decided at a gate; one with `override_at` was overridden."""

    id: str
    org_id: str
    project_id: str
    phase: str
    score: int
    target_threshold: int
    decision: str
    indicators: list[Indicator]
    decided_by: str
    rationale: str
    override_by: str | None
    override_reason: str | None
    created_at: str
    decided_at: str
    override_at: str | None
    version: int


class GateDecisionDetail(GateDecision):
    """A decision with what it rests on."""

    artifacts: list[GateArtifact]
    evidence_ids: list[str]
