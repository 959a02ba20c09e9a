"""What an alert says, and where it goes: one JSON body for Kafka and the webhook."""

from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from detectors.cascade import Cascade
from detectors.divergence import Classification
from storage.findings import Report, Told
from storage.outbox import Letter
from streams.alerting.event import body, encoded
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
    value = encoded(body(alert.event, report, alert.cascade))
    found = [Letter(report.org_id, TOPIC, value, str(report.id).encode())]
    if webhook and report.classification != Classification.COSMETIC:
        kind = alert.event.partition(".")[2]
        message_id = f"{report.id}.{kind}" + (f".{report.classification}" if kind == "reclassified" else "")
        found.append(Letter(report.org_id, message_id, value, destination="webhook"))
    return found
