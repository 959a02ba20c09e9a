"""What goes over HTTP, to a receiver that checks signatures and misbehaves."""

import asyncio
import json
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from settings import SettingsError
from streams.channels.parcel import Outcome, Parcel
from streams.channels.posting import judged, wait_of
from streams.logs import configure
from tests.receivers import Box, Receiver
from tests.unit.streams.channels.conftest import ID, OLDER, OTHER, SECRET, Making, parcel
from tests.web import Authority

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TOKEN = "T0KEN-in-the-path"
KEY = "R0UTINGKEYR0UTINGKEYR0UTINGKEY00"


def to(kind: str, receiver: Receiver, path: str = f"/hook/{TOKEN}") -> Parcel:
    """Return a parcel for a channel of this kind whose receiver is ours."""
    url = receiver.url(path)
    named: dict[str, Any] = {"url": url} if kind in ("webhook", "alertmanager") else {}
    secrets: dict[str, dict[str, Any]] = {
        "webhook": {"secrets": [SECRET]},
        "pagerduty": {"routing_key": KEY},
        "alertmanager": {},
    }
    return parcel(kind, named, secrets.get(kind, {"url": url}))


def webhook(receiver: Receiver, *secrets: str) -> Parcel:
    return parcel("webhook", {"url": receiver.url("/team")}, {"secrets": list(secrets or (SECRET,))})


async def test_a_webhook_is_signed_by_every_live_secret_and_keeps_its_id_and_its_bytes(senders, receiver):
    receiver.trust("/team", SECRET)
    send = senders().send
    assert await send(webhook(receiver, SECRET, OLDER)) == Outcome("accepted", "status 204")
    [came] = receiver.accepted("/team")
    assert (came.verified, came.id, came.body) == (True, str(ID), webhook(receiver).body)
    assert came.headers["content-type"] == "application/json"
    assert came.headers["webhook-signature"].count("v1,") == 2
    for secret in (SECRET, OLDER):
        Webhook(secret).verify(came.body, came.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(came.body, came.headers)
    # While both live, who knows the older one alone still believes it; and what only it signs, not who knows
    # the newer one alone.
    receiver.trust("/team", OLDER)
    assert (await send(webhook(receiver, SECRET, OLDER))).verdict == "accepted"
    assert await send(webhook(receiver, SECRET)) == Outcome("refused", "status 401")
    assert [each.verified for each in receiver.received("/team")] == [True, True, False]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, "accepted") for status in (200, 201, 202, 204)),
        *((status, "refused") for status in (301, 302, 307, 308, 400, 401, 403, 404, 413, 422)),
        *((status, "retry") for status in (408, 425, 429, 500, 502, 503, 504)),
        (410, "gone"),
    ],
)
def test_a_status_means(status, verdict):
    assert judged(status, None, NOW).verdict == verdict
    assert f"status {status}" in judged(status, None, NOW).said


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("30", 30),
        (" 7 ", 7),
        ("0", 1),
        ("9" * 400, 3600),
        (format_datetime(NOW + 90 * SECOND, usegmt=True), 90),
        (format_datetime(NOW - 90 * SECOND, usegmt=True), 1),
        ("Wed, 25 Nov 2026 10:00:00", 3600),
        *((said, None) for said in (None, "", "-5", "1.5", "soon", "٣", "Fri, 99 Nov 2026 10:00:00 GMT")),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_an_hour(asked, seconds):
    assert wait_of(asked, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize("kind", ["webhook", "slack", "teams", "pagerduty", "alertmanager"])
async def test_each_kind_is_told_how_it_went_and_a_private_address_is_refused_unless_it_is_listed(
    senders, receiver: Receiver, kind, monkeypatch
):
    path = f"/hook/{TOKEN}"
    place = path + "/api/v2/alerts" * (kind == "alertmanager")
    monkeypatch.setattr("streams.channels.pagerduty.REGIONS", {"us": receiver.url(path)})
    closed, opened = senders(AUGENTIS_WEBHOOK_ALLOW=None), senders()
    refused = await closed.send(to(kind, receiver))
    assert (refused.verdict, "AUGENTIS_WEBHOOK_ALLOW" in refused.said) == ("refused", True)
    assert receiver.received() == []
    receiver.script(place, "500", "429:7", "301", "reset", "410")
    outcomes = [await opened.send(to(kind, receiver)) for _ in range(6)]
    assert [each.verdict for each in outcomes] == ["retry", "retry", "refused", "retry", "gone", "accepted"]
    assert [each.retry_after for each in outcomes[:2]] == [None, 7 * SECOND]
    assert {each.path for each in receiver.received()} == {place}, "a redirect was followed"
    assert len(receiver.received()) == 6
    said = " ".join(each.said for each in (refused, *outcomes))
    assert not any(secret in said for secret in (TOKEN, KEY, SECRET, "hook", "summary"))
    assert not any(secret in repr(to(kind, receiver)) for secret in (KEY, SECRET, "summary"))


async def test_what_is_slow_or_without_end_is_not_waited_for(senders, receiver):
    send = senders(AUGENTIS_DELIVERY_TIMEOUT="1s").send
    receiver.script("/team", "slow:9", "endless", "drip")
    began = time.monotonic()
    assert (await send(webhook(receiver))) == Outcome("retry", "it did not answer in time (ReadTimeout)")
    assert time.monotonic() - began < 3
    began = time.monotonic()
    for _ in range(2):
        assert (await senders().send(webhook(receiver))) == Outcome("accepted", "status 200")
    assert time.monotonic() - began < 3, "what follows the status was waited for"


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_no_log_has_an_address_that_is_a_secret(senders, receiver, caplog, level):
    caplog.set_level(logging.DEBUG)
    configure(level)
    receiver.script(f"/hook/{TOKEN}", "204", "500", "reset")
    for kind in ("slack", "slack", "teams", "pagerduty"):
        await senders(AUGENTIS_PAGERDUTY_URL=receiver.url("/pager")).send(to(kind, receiver))
    assert "httpcore" in caplog.text, "nothing was logged at all"
    assert not any(secret in caplog.text for secret in (TOKEN, KEY))


async def test_a_certificate_of_another_name_or_of_nobody_known_is_not_believed(
    senders, tmp_path: Path, monkeypatch
):
    authority = Authority(tmp_path)
    with (
        Receiver(tmp_path / "right", authority.issue("127.0.0.1")) as right,
        Receiver(tmp_path / "wrong", authority.issue("elsewhere.example")) as wrong,
    ):
        unknown = await senders().send(webhook(right))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        send = senders().send
        assert unknown == await send(webhook(wrong)) == Outcome("retry", unknown.said)
        assert unknown.said == "its TLS certificate is not trusted for its name"
        assert (await send(webhook(right))).verdict == "accepted"
        assert (len(right.received()), wrong.received()) == (1, [])


async def test_pagerduty_gets_the_routing_key_within_the_event(senders, receiver: Receiver):
    event = {"event_action": "resolve", "dedup_key": "report", "payload": {"summary": "…"}}
    body = json.dumps(event).encode()
    pager = senders(AUGENTIS_PAGERDUTY_URL=receiver.url("/enqueue"), AUGENTIS_WEBHOOK_ALLOW=None)
    assert (await pager.send(replace(to("pagerduty", receiver), body=body))).verdict == "accepted"
    [came] = receiver.accepted("/enqueue")
    assert came.json == event | {"routing_key": KEY}
    assert came.headers["content-type"] == "application/json"
    elsewhere = replace(to("pagerduty", receiver), settings={"region": "moon"})
    assert (await pager.send(elsewhere)).verdict == "refused"


@pytest.mark.parametrize(
    ("secrets", "sent"),
    [
        ({}, None),
        ({"username": "team", "password": "p:w"}, "Basic dGVhbTpwOnc="),
        ({"bearer": "t0ken"}, "Bearer t0ken"),
    ],
)
async def test_alertmanager_is_told_who_we_are(senders, receiver: Receiver, secrets, sent):
    for base in ("/am", "/am/", "/am/api/v2/alerts"):
        alert = parcel("alertmanager", {"url": receiver.url(base)}, secrets)
        assert (await senders().send(alert)).verdict == "accepted"
    came = receiver.accepted("/am/api/v2/alerts")
    assert [each.headers.get("authorization") for each in came] == [sent] * 3


async def test_what_cannot_be_sent_as_it_is_is_refused_and_says_what_to_do(senders, receiver):
    send = senders().send
    for unfit, why in (
        (parcel("webhook", {"url": receiver.url()}, {}), "no secret"),
        (parcel("webhook", {"url": receiver.url()}, {"secrets": ["whsec_?"]}), "rotate it"),
        (parcel("webhook", {}, {"secrets": [SECRET]}), "no address"),
        (parcel("slack", {}, {}), "no url"),
        (parcel("teams", {}, {"url": 5}), "no url"),
        (parcel("pagerduty", {}, {}), "no routing_key"),
        (parcel("alertmanager", {}, {}), "no address"),
        (parcel("pigeon", {}, {}), "'pigeon'"),
        (parcel("webhook", {"url": "http://me:pw@team.example/"}, {"secrets": [SECRET]}), "user or password"),
        (parcel("slack", {}, {"url": "ftp://team.example/"}), "https://"),
    ):
        outcome = await send(unfit)
        assert (outcome.verdict, why in outcome.said) == ("refused", True), outcome
    assert receiver.received() == []
    broken = await send(parcel("pagerduty", {}, {"routing_key": KEY}, body=b"{"))
    assert broken == Outcome("retry", "it could not be sent (JSONDecodeError)")


async def test_nobody_waits_for_somebody_elses_receiver(senders, receiver):
    send = senders().send
    receiver.always("/slow", "slow:2")
    slow = [replace(webhook(receiver), settings={"url": receiver.url("/slow")}) for _ in range(30)]
    hanging = [asyncio.create_task(send(each)) for each in slow]
    await asyncio.sleep(0.2)
    began = time.monotonic()
    assert (await send(webhook(receiver))).verdict == "accepted"
    assert time.monotonic() - began < 1
    assert {each.verdict for each in await asyncio.gather(*hanging)} == {"accepted"}


async def test_a_cookie_of_one_team_is_not_sent_by_another(senders, receiver, monkeypatch):
    monkeypatch.setattr("tests.receivers._Handler.send_header", _with_cookie)
    send = senders().send
    for _ in range(2):
        assert (await send(webhook(receiver))).verdict == "accepted"
    assert [each.headers.get("cookie") for each in receiver.received()] == [None, None]
    async with httpx.AsyncClient() as careless:
        for _ in range(2):
            await careless.post(receiver.url("/careless"))
    assert [each.headers.get("cookie") for each in receiver.received("/careless")] == [None, "session=theirs"]


def _with_cookie(handler: Any, name: str, value: str) -> None:
    line = f"{name}: {value}\r\n"
    if name == "content-length":
        line += "set-cookie: session=theirs; Path=/\r\n"
    handler._headers_buffer = [*getattr(handler, "_headers_buffer", []), line.encode()]


def test_another_process_sees_what_came_and_says_what_comes_next(receiver: Receiver, tmp_path: Path):
    elsewhere = Box(tmp_path / "receiver")
    elsewhere.script("/team", "503")
    assert (elsewhere.url(), receiver.next_step("/team")) == (receiver.url(), "503")
    elsewhere.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUGENTIS_WEBHOOK_ALLOW", "10.0.0.1/8"),
        ("AUGENTIS_PAGERDUTY_URL", "http://me:pw@pager.example/"),
        ("AUGENTIS_SMTP_URL", "smtp://0x7f.1"),
    ],
)
async def test_settings_that_are_no_addresses_are_said_at_the_start(senders: Making, name, value):
    with pytest.raises(SettingsError, match=name):
        senders(AUGENTIS_SMTP_FROM="alerts@acme.example", **{name: value})
