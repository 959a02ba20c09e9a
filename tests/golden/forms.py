"""Every channel's form of every event, as the bytes of a file."""

import json
from pathlib import Path

from streams.alerting import (
    alertmanager,
    chart,
    digest,
    event,
    mail,
    notice,
    pagerduty,
    pulse,
    slack,
    storm,
    teams,
    text,
)
from streams.alerting.content import Kind
from streams.alerting.drawing import png
from streams.alerting.mail import Envelope, Picture
from streams.alerting.message import Message
from tests.golden import digests, notices
from tests.golden.samples import CHANNEL, CHART, CONTENTS, FOUND, PLACES, PULSES, RESTS, STORM, WORSE, message

FOLDER = Path(__file__).parent / "alerts"
PICTURE = "chart.png"
ENVELOPE = Envelope("Augentis <alerts@acme.example>", "Checkout team <checkout@acme.example>")
JSON = {
    "slack": slack.render,
    "teams": teams.render,
    "pagerduty": pagerduty.render,
    "alertmanager": alertmanager.render,
}


def files() -> dict[str, bytes]:
    """Return all golden files, the picture too."""
    drawn = png(CHART)
    return {PICTURE: drawn} | texts(drawn)


def texts(drawn: bytes) -> dict[str, bytes]:
    """Return the golden files of messages, in which `drawn` is the picture."""
    outbox = event.encoded(event.body("divergence.detected", FOUND, RESTS))
    noticed = {name: (notice.message(each), each) for name, each in notices.SAMPLES.items()}
    week, worse = digest.message(digests.WEEK), storm.message(WORSE)
    return {
        "outbox.detected.json": outbox,
        **_forms("digest", week, digest.render(week, digests.WEEK), None),
        **_forms("storm_worse", worse, event.render_storm(worse, WORSE), None),
        **{name: content for kind in (*CONTENTS, Kind.STORM) for name, content in _of(kind, drawn).items()},
        **{
            file: content
            for name, (said, each) in noticed.items()
            for file, content in _forms(name, said, notice.render(said, each), None).items()
        },
        **{
            file: content
            for name, said in PULSES.items()
            for file, content in _forms(name, said, pulse.render(said, CHANNEL), None).items()
        },
    }


def _of(kind: Kind, drawn: bytes) -> dict[str, bytes]:
    said = message(kind)
    picture = None if kind is Kind.STORM else Picture(drawn, chart.alt(CHART))
    told = event.render_storm(said, STORM) if kind is Kind.STORM else event.render(said, CONTENTS[kind])
    return _forms(kind, said, told, picture)


def _forms(name: str, said: Message, told: object, picture: Picture | None) -> dict[str, bytes]:
    return {
        f"text.{name}.txt": text.render(said).encode(),
        f"email.{name}.eml": mail.render(said, ENVELOPE, PLACES, picture).as_bytes(),
        f"webhook.{name}.json": _indented(told),
        **{f"{channel}.{name}.json": _indented(render(said)) for channel, render in JSON.items()},
    }


def _indented(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
