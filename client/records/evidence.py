"""What was learned about an artifact; times are text in RFC 3339, UTC."""

from typing import TypedDict


class Evidence(TypedDict):
    """A piece of evidence; `created_by` is None where production says it."""

    id: str
    org_id: str
    project_id: str
    artifact_id: str
    evidence_tier: str
    source: str
    confidence_score: int
    evidence_count: int
    url_or_reference: str | None
    created_by: str | None
    reviewed_by: str | None
    created_at: str
    reviewed_at: str | None
    escalation_status: str
    updated_at: str
    version: int


class EvidenceRung(TypedDict):
    """A rung: the ids of what counts and of what waits for a review, and what is missing."""

    tier: str
    held: bool
    evidence: list[str]
    waiting: list[str]
    missing: str | None


class EvidenceLadder(TypedDict):
    """The tier that evidence supports, and the rungs that lead to it."""

    artifact_id: str
    evidence_tier: str
    rungs: list[EvidenceRung]
