"""Each channel's form of what is told, as bytes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.alerting.reading import Told
from streams.alerting import alertmanager, chart, event, mail, pagerduty, slack, teams, text
from streams.alerting.content import Content
from streams.alerting.drawing import png
from streams.alerting.mail import Envelope, Picture
from streams.alerting.message import Message
from streams.alerting.places import Places


class Channel(StrEnum):
    """Where an alert can go."""

    TEXT = "text"
    EMAIL = "email"
    SLACK = "slack"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    ALERTMANAGER = "alertmanager"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a channel would get, the chart as a file of its own, and hints for whoever looks at it."""

    body: bytes
    png: bytes | None = None
    hints: tuple[str, ...] = ()


_JSON: Mapping[Channel, Callable[[Message], Any]] = {
    Channel.SLACK: slack.render,
    Channel.TEAMS: teams.render,
    Channel.PAGERDUTY: pagerduty.render,
    Channel.ALERTMANAGER: alertmanager.render,
}
_HINTS = {
    Channel.EMAIL: "From and To are those of the channel when it is sent",
    Channel.PAGERDUTY: "routing_key, the channel's secret, is added when it is sent",
}


def shown(channel: Channel, told: Told, places: Places) -> Shown:
    """Return what a channel would get."""
    picture = _picture(told)
    hints = (*told.hints, *((_HINTS[channel],) if channel in _HINTS else ()))
    return Shown(_body(channel, told, places, picture), picture.png if picture else None, hints)


def _body(channel: Channel, told: Told, places: Places, picture: Picture | None) -> bytes:
    if channel is Channel.TEXT:
        return text.render(told.message).encode()
    if channel is Channel.EMAIL:
        sender = Envelope(f"Augentis <alerts@{places.host}>", f"you@{places.host}")
        return mail.render(told.message, sender, places, picture).as_bytes()
    if channel is Channel.WEBHOOK:
        return event.encoded(_event(told)) + b"\n"
    return json.dumps(_JSON[channel](told.message), indent=2, ensure_ascii=False).encode() + b"\n"


def _event(told: Told) -> dict[str, Any]:
    if isinstance(told.about, Content):
        return event.render(told.message, told.about)
    return event.render_storm(told.message, told.about)


def _picture(told: Told) -> Picture | None:
    return None if told.chart is None else Picture(png(told.chart), chart.alt(told.chart))
