"""What is told of a channel itself: that it was tested, and that alerts can be told there (a heartbeat).

A heartbeat says nothing by coming and all by staying away, as Prometheus' Watchdog does: whoever is to notice
watches for its absence. In Alertmanager it is an alert that always fires.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from routing.severity import Severity
from streams.alerting import event, words
from streams.alerting.content import Kind
from streams.alerting.inert import clean, shorten
from streams.alerting.message import TITLE, Message, Subject
from streams.alerting.places import Places

_NAME = 100
_TEST_HOLDS = timedelta(minutes=5)
_BEATS = 3
"""Heartbeats that may be missed before an Alertmanager takes it as over."""
_PAGERS = frozenset({"pagerduty"})
"""Kinds of channels that wake people for what is well."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that is told of itself; `org` is the organisation's slug, `name` as people wrote it."""

    org_id: UUID
    org: str
    id: UUID
    name: str
    places: Places = field(default_factory=Places)


def beats(kind: str) -> bool:
    """Say whether a channel of this kind gets heartbeats."""
    return kind not in _PAGERS


def test(channel: Channel, test_id: UUID, at: datetime) -> Message:
    """Return what a test of a channel says; each test is a thing of its own."""
    name = clean(channel.name, _NAME) or str(channel.id)
    return Message(
        kind=Kind.TEST,
        key=f"{Kind.TEST}.{test_id}",
        at=at,
        severity=Severity.INFO,
        subject=_subject(channel, Kind.TEST, test_id, at),
        title=shorten(f"Test: alerts for {name} arrive here", TITLE),
        sentence="Somebody tested this channel. Nothing is wrong, and nothing is to be done.",
        facts=(*_facts(channel), ("Tested", words.moment(at))),
        note=_note(channel),
        holds=_TEST_HOLDS,
    )


def heartbeat(channel: Channel, every: timedelta, at: datetime) -> Message:
    """Return the heartbeat of `at`; the next is due `every` later."""
    rhythm = words.lasted(every)
    return Message(
        kind=Kind.HEARTBEAT,
        key=f"{Kind.HEARTBEAT}.{at:%Y%m%dT%H%M%SZ}",
        at=at,
        severity=Severity.INFO,
        subject=_subject(channel, Kind.HEARTBEAT, channel.id, at),
        title=shorten(f"Heartbeat of Augentis for {clean(channel.org, _NAME)}", TITLE),
        sentence=f"Alerts can be told here. This comes every {rhythm}: if it stays away, look at the relay.",
        facts=(*_facts(channel), ("Every", rhythm)),
        note=_note(channel),
        holds=_BEATS * every,
    )


def render(message: Message, channel: Channel) -> dict[str, Any]:
    """Return the event, with the words that other channels show."""
    data = {"org_id": str(channel.org_id), "id": str(channel.id), "message": event.in_words(message)}
    return {"type": f"channel.{message.kind}", "timestamp": message.at.isoformat(), "data": data}


def _facts(channel: Channel) -> tuple[tuple[str, str], ...]:
    named = clean(channel.name, _NAME)
    return (
        ("Organization", clean(channel.org, _NAME) or "-"),
        *((("Channel", named),) if named else ()),
    )


def _note(channel: Channel) -> str:
    return f"Channel {channel.id}; API: {_path(channel)}"


def _path(channel: Channel) -> str:
    return f"/v1/alert-channels/{channel.id}"


def _subject(channel: Channel, kind: Kind, thread_id: UUID, at: datetime) -> Subject:
    org, thread = clean(channel.org, _NAME) or "-", f"{kind}.{thread_id}"
    return Subject(
        id=channel.id,
        thread=thread,
        labels=(
            ("alertname", f"Augentis{kind.capitalize()}"),
            ("org", org),
            ("channel_id", str(channel.id)),
            # A second test is another alert to an Alertmanager, a second heartbeat is not.
            *((("test_id", str(thread_id)),) if kind is Kind.TEST else ()),
        ),
        org=org,
        project=org,
        kind=kind.upper(),
        component="channel",
        began=at,
        address=channel.places.address(_path(channel)),
    )
