"""A message as an event of PagerDuty's Events API, version 2."""

from typing import Any

from streams.alerting.inert import shorten
from streams.alerting.message import Message

SUMMARY, KEY = 1024, 255
"""PagerDuty's limits, in characters."""


def render(message: Message) -> dict[str, Any]:
    """Return the event without `routing_key`, which is the channel's secret.

    One thing is one alert there, from the first message to the last: by its `dedup_key`.
    """
    subject = message.subject
    event: dict[str, Any] = {
        "event_action": _action(message),
        "dedup_key": shorten(subject.thread, KEY),
        "payload": {
            "summary": shorten(message.title, SUMMARY),
            "severity": str(message.severity),
            "source": subject.project,
            "component": subject.component,
            "group": subject.org,
            "class": subject.kind,
            "timestamp": subject.began.isoformat(),
            "custom_details": _details(message),
        },
        "links": [{"href": link.address, "text": link.name} for link in message.links],
        "client": "Augentis",
    }
    if subject.address:
        event["client_url"] = subject.address
    return event


def _action(message: Message) -> str:
    if message.over:
        return "resolve"
    return "acknowledge" if message.acknowledged else "trigger"


def _details(message: Message) -> dict[str, Any]:
    return {
        "Sentence": message.sentence,
        **dict(message.facts),
        **{listed.heading: list(listed.lines) for listed in message.lists},
        "Where": message.note,
    }
