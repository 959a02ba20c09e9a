"""What an alert says, and where it goes: one JSON body for Kafka and the webhook."""

import json
from typing import Any, Literal

from detectors.cascade import Cascade
from detectors.divergence import Classification
from storage.findings import Report, as_json
from storage.outbox import Letter

TOPIC = "divergence_alerts"
Event = Literal["divergence.detected", "divergence.reclassified"]


def letters(event: Event, report: Report, cascade: Cascade | None, *, webhook: bool) -> list[Letter]:
    """Return the letters of one event: everything to the topic, what is not cosmetic to the webhook too.

    The webhook's id is the same however often it is sent, so that a receiver can drop repeats.
    """
    body = _body(event, report, cascade)
    value = json.dumps(body, separators=(",", ":")).encode()
    found = [Letter(report.org_id, TOPIC, value, str(report.id).encode())]
    if webhook and report.classification != Classification.COSMETIC:
        kind = event.partition(".")[2]
        message_id = f"{report.id}.{kind}" + (f".{report.classification}" if kind == "reclassified" else "")
        found.append(Letter(report.org_id, message_id, value, destination="webhook"))
    return found


def _body(event: Event, report: Report, cascade: Cascade | None) -> dict[str, Any]:
    # An assumed 0 has an infinite gap, which JSON cannot say.
    data = {
        name: None if value in (float("inf"), -float("inf")) else value
        for name, value in as_json(report).items()
    }
    if cascade:
        data["cascade_analysis"] = {
            "affected_features": cascade.affected_features,
            "affected_code_modules": cascade.affected_code_modules,
            "reexecution_scope_days": cascade.reexecution_scope_days,
            "full_redesign_days": cascade.full_redesign_days,
            "recommendation": str(cascade.recommendation),
        }
    return {"type": event, "timestamp": report.detected_at.isoformat(), "data": data}
