from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from api.parameters import OneOf, Reference
from api.schemas.base import LEFT_OUT, Asked, Change, Sent, Versioned
from detectors.tiers import EvidenceTier
from storage.tables.evidence import COLLECTED, ESCALATION_STATUSES, EVIDENCE_SOURCES, REFERENCED

EvidenceSource = Annotated[str, OneOf(EVIDENCE_SOURCES)]
CollectedSource = Annotated[str, OneOf(COLLECTED)]
EscalationStatus = Annotated[str, OneOf(ESCALATION_STATUSES)]
Score = Annotated[int, Field(strict=True, ge=0, le=100, description="percent", examples=[80])]
Count = Annotated[
    int,
    Field(
        strict=True, ge=0, le=2_147_483_647, description="data points: ten interviews are 10", examples=[10]
    ),
]
_WHERE = f"where it is to be found; {' and '.join(REFERENCED)} need one"
_LINK = "https://research.example/checkout-interviews"


class Evidence(Versioned):
    """What was learned about an artifact version; its ETag is its `version` in quotes.

    `created_by` is null where production says it (source `telemetry`).
    """

    id: UUID
    org_id: UUID
    project_id: UUID
    artifact_id: UUID
    evidence_tier: EvidenceTier = Field(description="what the piece would support alone", examples=["E2"])
    source: EvidenceSource = Field(examples=["interview"])
    confidence_score: int = Field(description="percent", examples=[80])
    evidence_count: int = Field(description="data points", examples=[10])
    url_or_reference: str | None = Field(examples=[_LINK])
    created_by: UUID | None
    reviewed_by: UUID | None = Field(examples=[None])
    created_at: datetime
    reviewed_at: datetime | None = Field(examples=[None])
    escalation_status: EscalationStatus = Field(examples=["NONE"])
    updated_at: datetime
    version: int = Field(examples=[1])


class NewEvidence(Asked):
    """A piece of evidence to be. Its tier is not sent: it follows from source and count."""

    source: CollectedSource = Field(examples=["interview"])
    confidence_score: Score
    evidence_count: Count
    url_or_reference: Reference | None = Field(None, description=_WHERE, examples=[_LINK])

    @model_validator(mode="after")
    def _says_where_it_is_from(self) -> Self:
        if self.source in REFERENCED and self.url_or_reference is None:
            raise ValueError(f"{self.source} needs a url_or_reference: where it is to be found")
        return self


class EvidenceChange(Change):
    """What changes of a piece, by its author, until it is in review."""

    source: CollectedSource = LEFT_OUT
    confidence_score: Score = LEFT_OUT
    evidence_count: Count = LEFT_OUT
    url_or_reference: Annotated[Reference, Field(examples=[_LINK])] | None = LEFT_OUT


class EvidenceRung(Sent):
    """One rung of the ladder. It is held where its own condition is met and every rung below it is held."""

    tier: EvidenceTier = Field(examples=["E2"])
    held: bool
    evidence: list[UUID] = Field(description="ids of the pieces that count towards it")
    waiting: list[UUID] = Field(description="ids of those that would, were they reviewed")
    missing: str | None = Field(
        description="how far each way up to it is; null: its own condition is met",
        examples=["7 of 10 interviews or 0 of 1 market research papers"],
    )


class EvidenceLadder(Sent):
    """The tier that evidence supports, whatever the team declares, and the rungs that lead to it."""

    artifact_id: UUID
    evidence_tier: EvidenceTier = Field(examples=["E1"])
    rungs: list[EvidenceRung]

    @classmethod
    def of(cls, artifact_id: UUID, rungs: Sequence[Any]) -> Self:
        """Return the ladder that `rungs` make, lowest first."""
        return cls(
            artifact_id=artifact_id,
            evidence_tier=rungs[0].evidence_tier,
            rungs=[EvidenceRung.model_validate(rung) for rung in rungs],
        )
