"""A message as the product's own JSON, for Kafka and webhooks (docs/schemas/alert-v1.schema.json).

What stood there before `message` was added keeps its names, its values and its order.
"""

import json
from math import isfinite
from typing import Any

from detectors.cascade import Cascade
from storage.findings import Report, as_json
from streams.alerting import sureness
from streams.alerting.content import Content, Kind
from streams.alerting.message import Message
from streams.alerting.storm import Storm


def render(message: Message, content: Content) -> dict[str, Any]:
    """Return the event about a report, with the words that other channels show."""
    event = body(f"divergence.{content.kind}", content.report, content.cascade)
    if content.kind not in (Kind.DETECTED, Kind.RECLASSIFIED):
        event["timestamp"] = content.course.at.isoformat()
    event["data"] |= {
        "course": _course(content),
        "artifact": {
            "id": str(content.artifact.id),
            "type": content.artifact.type,
            "key": content.artifact.key,
            "version": content.artifact.version,
        },
        "message": in_words(message) | {"certainty": sureness.in_words(content.report)},
    }
    incident = content.incident
    if incident and incident.told_as_one:
        event["data"]["told_as_one"] = {
            "id": str(incident.id),
            "report_ids": [str(peer.report_id) for peer in incident.peers],
            "over": message.over,
        }
    return event


def render_storm(message: Message, storm: Storm) -> dict[str, Any]:
    """Return the event about many reports."""
    data = {
        "org_id": str(storm.org_id),
        "id": str(message.subject.id),
        "reports": len(storm.briefs),
        "report_ids": [str(brief.report_id) for brief in storm.briefs],
        "message": in_words(message),
    }
    if storm.over:
        data["over"] = True
    if storm.before:
        data["worse"] = True
    return {"type": f"divergence.{message.kind}", "timestamp": storm.at.isoformat(), "data": data}


def body(kind: str, report: Report, cascade: Cascade) -> dict[str, Any]:
    """Return the event as the worker writes it into the outbox."""
    # An assumed 0 has an infinite gap, which JSON cannot say.
    data = {name: _finite(value) for name, value in as_json(report).items()}
    data["cascade_analysis"] = {
        "affected_features": cascade.affected_features,
        "affected_code_modules": cascade.affected_code_modules,
        "reexecution_scope_days": cascade.reexecution_scope_days,
        "full_redesign_days": cascade.full_redesign_days,
        "recommendation": str(cascade.recommendation),
    }
    return {"type": kind, "timestamp": report.detected_at.isoformat(), "data": data}


def encoded(event: dict[str, Any]) -> bytes:
    """Return the event as it is sent."""
    return json.dumps(event, separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


def _course(content: Content) -> dict[str, Any]:
    course = content.course
    return {
        "before": course.before,
        "resolution": course.resolution,
        "resolved_at": course.resolved_at.isoformat() if course.resolved_at else None,
        "acknowledged_by": course.acknowledged_by,
        "acknowledged_at": course.acknowledged_at.isoformat() if course.acknowledged_at else None,
    }


def in_words(message: Message) -> dict[str, Any]:
    """Return the words that other channels show, as they stand in an event."""
    return {
        "title": message.title,
        "sentence": message.sentence,
        "severity": str(message.severity),
        "facts": [{"name": name, "value": said} for name, said in message.facts],
        "lists": [{"heading": listed.heading, "lines": list(listed.lines)} for listed in message.lists],
        "links": [{"name": link.name, "address": link.address} for link in message.links],
    }
