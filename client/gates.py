from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import cast

from client.records import Gate, GateDecision, GateDecisionDetail
from client.requests import Id, Requests


class Gates(Requests):
    """The gates between phases, and what was decided at them."""

    def gates(self) -> list[Gate]:
        """Return the gates, in their order: thresholds, and how many indicators each takes."""
        return cast("list[Gate]", self._get("/gates")["items"])

    def gate_decisions(
        self,
        project_id: Id,
        *,
        phase: str | None = None,
        decision: str | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[GateDecision]:
        """A project's gate decisions, the latest first."""
        path = f"/projects/{project_id}/gate-decisions"
        rows = self._list(path, phase=phase, decision=decision, since=since, sort=sort)
        return cast("Iterator[GateDecision]", rows)

    def gate_decision(self, decision_id: Id) -> GateDecisionDetail:
        """One decision, with the artifacts and the evidence that it rests on."""
        return cast("GateDecisionDetail", self._get(f"/gate-decisions/{decision_id}"))

    def decide_gate(
        self,
        project_id: Id,
        phase: str,
        indicators: Mapping[str, int],
        rationale: str,
        artifact_ids: Iterable[Id],
        *,
        evidence_ids: Iterable[Id] = (),
        idempotency_key: str | None = None,
    ) -> GateDecisionDetail:
        """Decide on the gate of the project's phase; `indicators` are scores of 0 to 100 by name."""
        body = {
            "phase": phase,
            "indicators": [{"name": name, "score": score} for name, score in indicators.items()],
            "rationale": rationale,
            "artifact_ids": [str(each) for each in artifact_ids],
            "evidence_ids": [str(each) for each in evidence_ids],
        }
        made = self._post(f"/projects/{project_id}/gate-decisions", body, idempotency_key)
        return cast("GateDecisionDetail", made)

    def override_gate_decision(
        self, decision: GateDecision, reason: str, *, idempotency_key: str | None = None
    ) -> GateDecisionDetail:
        """Lead the project on although its latest decision was none to pass."""
        path, body = f"/gate-decisions/{decision['id']}/override", {"override_reason": reason}
        return cast("GateDecisionDetail", self._post(path, body, idempotency_key))
