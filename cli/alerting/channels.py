"""Each channel's form of what is told, as bytes."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cli.alerting.reading import Told
from streams.alerting import chart, event
from streams.alerting.content import Content
from streams.alerting.drawing import png
from streams.alerting.mail import Envelope, Picture
from streams.alerting.places import Places
from streams.alerting.render import rendered


class Channel(StrEnum):
    """Where an alert can go."""

    TEXT = "text"
    EMAIL = "email"
    SLACK = "slack"
    TEAMS = "teams"
    PAGERDUTY = "pagerduty"
    ALERTMANAGER = "alertmanager"
    WEBHOOK = "webhook"
    KAFKA = "kafka"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a channel would get, the chart as a file of its own, and hints for whoever looks at it."""

    body: bytes
    png: bytes | None = None
    hints: tuple[str, ...] = ()
    is_json: bool = False

    @property
    def laid_out(self) -> str:
        """The body for people to read: JSON on many lines, which means the same."""
        text = self.body.decode()
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n" if self.is_json else text


_HINTS = {
    Channel.EMAIL: "From and To are those of the channel when it is sent",
    Channel.PAGERDUTY: "routing_key, the channel's secret, is added when it is sent",
}


def shown(channel: Channel, told: Told, places: Places) -> Shown:
    """Return what a channel would get."""
    picture = _picture(told)
    somebody = Envelope(f"Augentis <alerts@{places.host}>", f"you@{places.host}")
    sent = rendered(channel, told.message, _event(told), picture, somebody, places)
    hints = (*told.hints, *((_HINTS[channel],) if channel in _HINTS else ()))
    is_json = sent.headers["content-type"] == "application/json"
    return Shown(sent.body, picture.png if picture else None, hints, is_json)


def _event(told: Told) -> dict[str, Any]:
    if isinstance(told.about, Content):
        return event.render(told.message, told.about)
    return event.render_storm(told.message, told.about)


def _picture(told: Told) -> Picture | None:
    return None if told.chart is None else Picture(png(told.chart), chart.alt(told.chart))
