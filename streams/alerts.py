"""What an alert says, and where it goes: one JSON body for Kafka and the webhook."""

import json
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from detectors.cascade import Cascade
from detectors.divergence import Classification
from storage.findings import Report, Told, as_json
from storage.outbox import Letter
from streams.reports import SEVERITY

TOPIC = "divergence_alerts"
Event = Literal["divergence.detected", "divergence.reclassified"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One event, about a report as it stands."""

    event: Event
    report: Report
    cascade: Cascade

    def of_incident(self, incident_id: UUID | None) -> "Alert":
        """Return it with the incident that its report belongs to."""
        return replace(self, report=replace(self.report, incident_id=incident_id))


def due(before: Told | None, report: Report) -> Event | None:
    """Return what is to be told of a report as it is now, None where nothing is."""
    if report.is_silent or (before and before.is_silent):
        return None
    if before is None:
        return "divergence.detected"
    worse = SEVERITY[report.classification] > SEVERITY[before.classification]
    return "divergence.reclassified" if worse else None


def letters(alert: Alert, *, webhook: bool) -> list[Letter]:
    """Return the letters of one event: everything to the topic, what is not cosmetic to the webhook too.

    The webhook's id is the same however often it is sent, so that a receiver can drop repeats.
    """
    report = alert.report
    value = json.dumps(_body(alert), separators=(",", ":")).encode()
    found = [Letter(report.org_id, TOPIC, value, str(report.id).encode())]
    if webhook and report.classification != Classification.COSMETIC:
        kind = alert.event.partition(".")[2]
        message_id = f"{report.id}.{kind}" + (f".{report.classification}" if kind == "reclassified" else "")
        found.append(Letter(report.org_id, message_id, value, destination="webhook"))
    return found


def _body(alert: Alert) -> dict[str, Any]:
    report, cascade = alert.report, alert.cascade
    # An assumed 0 has an infinite gap, which JSON cannot say.
    data = {
        name: None if value in (float("inf"), -float("inf")) else value
        for name, value in as_json(report).items()
    }
    data["cascade_analysis"] = {
        "affected_features": cascade.affected_features,
        "affected_code_modules": cascade.affected_code_modules,
        "reexecution_scope_days": cascade.reexecution_scope_days,
        "full_redesign_days": cascade.full_redesign_days,
        "recommendation": str(cascade.recommendation),
    }
    return {"type": alert.event, "timestamp": report.detected_at.isoformat(), "data": data}
