"""What a channel of a kind is sent, as bytes: for the notifier, and for who previews it. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.alerting import alertmanager, mail, pagerduty, slack, teams, text
from streams.alerting.event import encoded
from streams.alerting.mail import Envelope, Picture
from streams.alerting.message import Message
from streams.alerting.places import Places

_JSON: Mapping[str, Callable[[Message], Any]] = {
    "slack": slack.render,
    "teams": teams.render,
    "pagerduty": pagerduty.render,
    "alertmanager": alertmanager.render,
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """What is sent, but for what is a secret, and the headers that say what it is."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def rendered(
    kind: str,
    message: Message,
    event: dict[str, Any],
    picture: Picture | None,
    addressed: Envelope | None,
    places: Places,
) -> Rendered:
    """Return what a channel of this kind is sent; `text` is for people to read.

    `event` is the product's JSON, which webhook and kafka get. `addressed` is for e-mail alone.

    Raises:
        ValueError: there is no such kind, or an e-mail without a sound envelope.
    """
    if kind == "email":
        if addressed is None:
            raise ValueError("an e-mail needs to know from whom and to whom it is")
        sent = mail.render(message, addressed, places, picture).as_bytes()
        return Rendered(sent, {"content-type": "message/rfc822"})
    if kind == "text":
        return Rendered(text.render(message).encode(), {"content-type": "text/plain; charset=utf-8"})
    if kind in ("webhook", "kafka"):
        # Kafka's records are keyed by what they are about, so that they stay in order.
        return Rendered(
            encoded(event), {"content-type": "application/json", "thread": message.subject.thread}
        )
    if kind not in _JSON:
        raise ValueError(f"there is no kind of channel {kind!r}")
    shown = json.dumps(_JSON[kind](message), separators=(",", ":"), ensure_ascii=False)
    return Rendered(shown.encode(), {"content-type": "application/json"})
