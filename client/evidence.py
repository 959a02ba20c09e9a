from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from client.records import Evidence, EvidenceLadder
from client.requests import Id, Requests


class EvidencePieces(Requests):
    """Evidence for artifacts, and its review."""

    def evidence(
        self,
        artifact_id: Id,
        *,
        source: str | None = None,
        escalation_status: str | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[Evidence]:
        """The evidence for an artifact version, newest first."""
        path = f"/artifacts/{artifact_id}/evidence"
        rows = self._list(path, source=source, escalation_status=escalation_status, since=since, sort=sort)
        return cast("Iterator[Evidence]", rows)

    def piece_of_evidence(self, evidence_id: Id) -> Evidence:
        """One piece of evidence."""
        return cast("Evidence", self._get(f"/evidence/{evidence_id}"))

    def evidence_tier(self, artifact_id: Id) -> EvidenceLadder:
        """The tier that evidence supports, rung by rung, with what is missing."""
        return cast("EvidenceLadder", self._get(f"/artifacts/{artifact_id}/evidence-tier"))

    def add_evidence(
        self,
        artifact_id: Id,
        source: str,
        evidence_count: int,
        confidence_score: int,
        *,
        url_or_reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> Evidence:
        """Add a piece: an interview, survey, market_research or analyst_report, and its data points."""
        body = {
            "source": source,
            "confidence_score": confidence_score,
            "evidence_count": evidence_count,
            "url_or_reference": url_or_reference,
        }
        return cast("Evidence", self._post(f"/artifacts/{artifact_id}/evidence", body, idempotency_key))

    def change_evidence(self, evidence: Evidence, **changes: Any) -> Evidence:
        """Change what a piece of one's own says, until it is in review."""
        return cast("Evidence", self._patch(f"/evidence/{evidence['id']}", evidence["version"], changes))

    def submit_evidence(self, evidence: Evidence) -> Evidence:
        """Have a piece reviewed."""
        return self._step(evidence, "submit")

    def escalate_evidence(self, evidence: Evidence) -> Evidence:
        """Count a piece of somebody else's, as it was read."""
        return self._step(evidence, "escalate")

    def return_evidence(self, evidence: Evidence) -> Evidence:
        """Give a piece that is in review back to its author."""
        return self._step(evidence, "return")

    def _step(self, evidence: Evidence, step: str) -> Evidence:
        path = f"/evidence/{evidence['id']}/{step}"
        return cast("Evidence", self._ask("POST", path, headers={"If-Match": f'"{evidence["version"]}"'}))
