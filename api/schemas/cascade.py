from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from api.schemas.artifacts import ArtifactType
from api.schemas.base import Asked, Sent
from detectors.cascade import Affected, analyse
from detectors.divergence import Recommendation
from detectors.tiers import EvidenceTier, tier_delta
from storage.reading.lineage import Surroundings


class CascadeQuestion(Asked):
    """What production is supposed to prove: by how many tiers, or from what tier of telemetry."""

    tier_delta: int | None = Field(
        None, ge=0, le=4, description="by how many tiers telemetry is the better evidence"
    )
    telemetry_tier: EvidenceTier | None = Field(
        None, description="or the tier of that telemetry, against the artifact's own; E4 if neither is given"
    )

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if self.tier_delta is not None and self.telemetry_tier is not None:
            raise ValueError("send tier_delta or telemetry_tier, not both")
        return self


class AffectedArtifact(Sent):
    """An artifact that would have to be looked at again."""

    artifact_id: UUID = Field(
        description="the version whose content and dependencies count: the latest in force, else the latest"
    )
    type: ArtifactType
    key: str = Field(examples=["checkout"])
    path: list[str] = Field(
        description="the shortest way to it, from the artifact that was asked about",
        examples=[["PRICING/plans", "PRD/checkout"]],
    )
    features: list[str] = Field(examples=[["F12"]])
    modules: list[str] = Field(examples=[["checkout_page"]])

    @classmethod
    def of(cls, affected: Affected) -> Self:
        """Return it as it is sent."""
        node = affected.node
        return cls(
            artifact_id=node.version_id,
            type=node.type,
            key=node.artifact_id.partition("/")[2],
            path=list(affected.path),
            features=list(node.features),
            modules=list(node.modules),
        )


class ArtifactCascade(Sent):
    """What rests on an artifact, and what it would take to redo it if production proved it wrong."""

    artifact_id: UUID
    project_id: UUID
    evidence_tier: EvidenceTier
    telemetry_tier: EvidenceTier | None = Field(description="null: `tier_delta` was given")
    tier_delta: int = Field(examples=[3])
    affected_features: list[str] = Field(examples=[["F12 PRD", "F13 Positioning"]])
    affected_code_modules: list[str] = Field(examples=[["checkout_page", "address_form"]])
    reexecution_scope_days: int = Field(examples=[3])
    full_redesign_days: int = Field(examples=[15])
    recommendation: Recommendation
    affected: list[AffectedArtifact] = Field(description="nearest first; the artifact itself is the first")

    @classmethod
    def of(cls, found: Surroundings, question: CascadeQuestion) -> Self:
        """Return the answer to a question about an artifact."""
        own, telemetry, delta = EvidenceTier(found.artifact.evidence_tier), None, question.tier_delta
        if delta is None:
            telemetry = question.telemetry_tier or EvidenceTier.E4
            delta = tier_delta(own, telemetry)
        cascade = analyse(found.lineage, found.place, delta)
        return cls(
            artifact_id=found.artifact.id,
            project_id=found.artifact.project_id,
            evidence_tier=own,
            telemetry_tier=telemetry,
            tier_delta=delta,
            affected_features=cascade.affected_features,
            affected_code_modules=cascade.affected_code_modules,
            reexecution_scope_days=cascade.reexecution_scope_days,
            full_redesign_days=cascade.full_redesign_days,
            recommendation=cascade.recommendation,
            affected=[AffectedArtifact.of(each) for each in cascade.affected],
        )
