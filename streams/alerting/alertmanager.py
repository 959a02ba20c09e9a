"""A message as alerts of Alertmanager's API, version 2."""

from datetime import timedelta
from typing import Any

from streams.alerting.message import Message

FIRES_FOR = timedelta(days=30)
"""An alert without an end is over after minutes; ours lasts until it is told to be over, or so long."""
# Templates of Alertmanager's receivers put annotations into Slack's markup as they are.
_ANGLES = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
    }
)


def render(message: Message) -> list[dict[str, Any]]:
    """Return the body of POST /api/v2/alerts.

    The labels are the same in every message about a thing: what may change, its severity too, is annotated.
    """
    subject = message.subject
    alert: dict[str, Any] = {
        "labels": {name: _inert(said) for name, said in subject.labels},
        "annotations": _annotations(message),
        "startsAt": subject.began.isoformat(),
        "endsAt": (message.at if message.over else message.at + (message.holds or FIRES_FOR)).isoformat(),
    }
    if subject.address:
        alert["generatorURL"] = subject.address
    return [alert]


def _annotations(message: Message) -> dict[str, str]:
    said = {
        "summary": message.title,
        "description": message.sentence,
        "severity": str(message.severity),
        "project": message.subject.project,
        "event": str(message.kind),
        **{name.lower().replace(" ", "_"): text for name, text in message.facts},
        **{
            f"list_{number}": "; ".join((listed.heading, *listed.lines))
            for number, listed in enumerate(message.lists, 1)
        },
        "where": message.note,
    }
    addresses = {f"{link.name.lower().replace(' ', '_')}_url": link.address for link in message.links}
    return {name: _inert(text) for name, text in said.items() if text} | addresses


def _inert(text: str) -> str:
    return text.translate(_ANGLES)
