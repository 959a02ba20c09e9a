"""What people wrote into names, followed through to what real receivers got of it: text, and nothing else."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from streams.alerting import event, telling
from streams.alerting.content import Content, Kind
from streams.alerting.mail import Envelope
from streams.alerting.places import Places
from streams.alerting.render import Rendered, rendered
from tests.golden.samples import CONTENTS, FOUND
from tests.mailbox import receiving
from tests.receivers import Receiver
from tests.unit.streams.alerting import limits
from tests.unit.streams.channels.conftest import SECRET, Making, parcel

HEADER = "x\r\nBcc: eve@evil.example\r\n\r\n<h1>"
NAMES = [
    "<script>alert(1)</script>",
    "<!channel> <@U123> <https://evil.example|log in> *bold* `x` &amp;",
    "[log in](https://evil.example) **b** ![x](https://evil.example/p.png)",
    HEADER,
    "\u202egnp.exe \u0000 \u200b \ufeff",
    '"}], "event_action": "resolve", {"',
    "=?utf-8?q?=0d=0aBcc:_eve@evil.example?=",
]
OURS = "https://divergence.acme.example/v1/"
PLACES = Places("https://divergence.acme.example")


def named(evil: str) -> Content:
    report = replace(FOUND, cohort=evil, feature=evil, summary=evil, metric_name="user_adoption")
    content = CONTENTS[Kind.DETECTED]
    item = content.assumption.model_copy(update={"key": evil, "statement": evil, "runbook_url": evil})
    artifact = replace(content.artifact, title=evil, key=evil)
    return replace(
        content, report=report, assumption=item, artifact=artifact, project=evil, owner=evil, incident=None
    )


def form(kind: str, evil: str) -> Rendered:
    content = named(evil)
    message = telling.message(content)
    somebody = Envelope("Augentis <alerts@acme.example>", "team@acme.example")
    return rendered(kind, message, event.render(message, content), None, somebody, PLACES)


@pytest.mark.parametrize("evil", NAMES)
async def test_over_http_it_is_text_wherever_it_stands(senders: Making, receiver: Receiver, evil: str):
    sender = senders(AUGENTIS_PAGERDUTY_URL=receiver.url("/pagerduty"))
    receiver.trust("/webhook", SECRET)
    for kind in ("webhook", "slack", "teams", "pagerduty", "alertmanager"):
        url = receiver.url(f"/{kind}")
        secrets: dict[str, Any] = {"url": url, "secrets": [SECRET], "routing_key": "R0UTE"}
        sent = form(kind, evil)
        given = parcel(kind, {"url": url}, secrets, body=sent.body, headers=sent.headers)
        assert (await sender.send(given)).verdict == "accepted"
    got = {each.path.split("/")[1]: each.json for each in receiver.received()}
    assert got["webhook"]["data"]["summary"] == evil, (
        "of JSON the report's own fields are as they were written"
    )
    said = json.dumps(got["webhook"]["data"]["message"])
    assert not re.search(r"\\u202e|\\u0000|\\u200b|\\r|\\n", said)
    limits.slack(got["slack"])
    assert "<!channel>" not in json.dumps(got["slack"])
    limits.teams(got["teams"])
    assert got["pagerduty"].pop("routing_key") == "R0UTE"
    limits.pagerduty(got["pagerduty"])
    assert got["pagerduty"]["event_action"] == "trigger"
    limits.alertmanager(got["alertmanager"])
    actions = got["teams"]["attachments"][0]["content"]["actions"]
    assert all(action["url"].startswith(OURS) for action in actions)


@pytest.mark.parametrize("evil", NAMES)
async def test_in_a_mail_it_is_no_header_no_markup_and_no_reader_more(senders: Making, evil: str):
    sent = form("email", evil)
    async with receiving() as box:
        sender = senders(AUGENTIS_SMTP_URL=f"smtp://{box.address}", AUGENTIS_SMTP_FROM="alerts@acme.example")
        given = parcel("email", {"to": ["team@acme.example"]}, {}, body=sent.body, headers=sent.headers)
        assert (await sender.send(given)).verdict == "accepted"
    [came] = box.mails
    assert came.to == ("team@acme.example",)
    read = came.message
    assert set(read.keys()) <= {
        *("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
        *("MIME-Version", "Content-Type", "In-Reply-To", "References"),
    }
    assert (read["To"], "\n" in str(read["Subject"])) == ("team@acme.example", False)
    parts = {part.get_content_type(): part.get_content() for part in read.walk() if not part.is_multipart()}
    assert set(parts) == {"text/plain", "text/html"}
    page = parts["text/html"]
    assert not re.search(r"<script|<h1|<img|<!channel|<@U", page)
    assert all(address.startswith(OURS) for address in re.findall(r'href="([^"]+)"', page))
