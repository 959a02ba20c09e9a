"""Mails as a real server takes them, puts them off and refuses them."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from guarded import Allowed, Guard, RefusedError
from settings import Settings
from streams.alerting.content import Kind
from streams.alerting.mail import Envelope, Picture
from streams.alerting.render import rendered
from streams.channels.email import MailSender
from streams.channels.parcel import Outcome, Parcel
from tests.golden.samples import PLACES, message
from tests.mailbox import Mailbox, receiving
from tests.unit.streams.channels.conftest import Making, parcel
from tests.web import Authority

TEAM = ["ada@acme.example", "grace@acme.example", "team@other.example"]
FROM = "Augentis <alerts@augentis.example>"
PNG = b"\x89PNG\r\n\x1a\n.\r\n..\r\n" + bytes(range(256))


def mail(*to: str, **more: Any) -> Parcel:
    envelope = Envelope(FROM, ", ".join(to or TEAM))
    sent = rendered("email", message(Kind.DETECTED), {}, Picture(PNG, "a chart"), envelope, PLACES)
    return parcel("email", {"to": list(to or TEAM)}, {}, body=sent.body, headers=sent.headers, **more)


def through(box: Mailbox, scheme: str = "smtp", login: str = "") -> dict[str, str]:
    return {"AUGENTIS_SMTP_URL": f"{scheme}://{login}{box.address}", "AUGENTIS_SMTP_FROM": FROM}


async def test_a_mail_arrives_whole_at_everybody_in_one_go(senders: Making):
    async with receiving() as box:
        assert await senders(**through(box)).send(mail()) == Outcome("accepted", "taken for 3 of 3")
    [came] = box.mails
    assert (came.sender, came.to, came.body) == ("alerts@augentis.example", tuple(TEAM), mail().body)
    read = came.message
    assert (read["From"], read["To"]) == (FROM, ", ".join(TEAM))
    assert read["Date"].datetime == message(Kind.DETECTED).at
    parts = {part.get_content_type(): part for part in read.walk()}
    assert {"text/plain", "text/html", "image/png"} <= parts.keys()
    assert parts["image/png"].get_payload(decode=True) == PNG


async def test_tls_is_used_where_it_is_offered_and_its_certificate_must_be_right(
    senders: Making, tmp_path: Path, monkeypatch
):
    authority = Authority(tmp_path)
    right, wrong = authority.issue("127.0.0.1"), authority.issue("elsewhere.example")
    for tls, scheme in ((False, "smtp"), (True, "smtps")):
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        async with receiving(right, tls=tls) as box, receiving(wrong, tls=tls) as other:
            unknown = await senders(**through(box, scheme)).send(mail())
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
            misnamed = await senders(**through(other, scheme)).send(mail())
            said = "the mail server's TLS certificate is not trusted for its name"
            assert unknown == misnamed == Outcome("retry", said)
            assert box.mails == other.mails == []
            assert (await senders(**through(box, scheme)).send(mail())).verdict == "accepted"
            assert [each.over_tls for each in box.mails] == [True]


async def test_nothing_leaves_this_machine_in_the_clear(senders: Making, monkeypatch):
    monkeypatch.setattr("streams.channels.email._stays_here", lambda _: False)
    async with receiving() as box:
        outcome = await senders(**through(box)).send(mail())
        assert outcome == Outcome(
            "retry", "the mail server offers no STARTTLS, and nothing is sent in the clear"
        )
    assert (box.connections, box.mails) == (1, [])


async def test_the_login_is_sent_and_said_nowhere(senders: Making, tmp_path: Path, monkeypatch):
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with receiving(authority.issue("127.0.0.1")) as box:
        box.users = {"me@acme.example": "p/w"}
        right = await senders(**through(box, login="me%40acme.example:p%2Fw@")).send(mail())
        wrong = await senders(**through(box, login="me%40acme.example:secret@")).send(mail())
    assert (right.verdict, [each.user for each in box.mails]) == ("accepted", ["me@acme.example"])
    assert wrong == Outcome("retry", "the mail server does not let us in (535 5.7.8)")


async def test_who_is_put_off_gets_it_later_and_the_others_get_it_once(senders: Making):
    async with receiving() as box:
        box.to = {TEAM[1]: ["451 4.7.1 Greylisted, see https://postmaster.example/?r=ada"] * 2}
        send, parcel_ = senders(**through(box)).send, mail()
        for _ in range(2):
            assert await send(parcel_) == Outcome("retry", "taken for 2 of 3, 451 4.7.1 for 1")
        assert await send(parcel_) == Outcome("accepted", "taken for 3 of 3")
        assert [each.to for each in box.mails] == [(TEAM[0], TEAM[2]), (TEAM[1],)]
        assert (await send(replace(parcel_, id=uuid4()))).verdict == "accepted"
        assert box.mails[-1].to == tuple(TEAM)


@pytest.mark.parametrize(
    ("refusals", "data", "sender", "verdict", "said"),
    [
        (
            {TEAM[0]: ["550 5.1.1 <ada@acme.example> gone"]},
            [],
            [],
            "accepted",
            "taken for 2 of 3, 550 5.1.1 for 1",
        ),
        ({each: ["550 no"] for each in TEAM}, [], [], "refused", "taken for 0 of 3, 550 for 3"),
        ({each: ["450 4.2.1 later"] for each in TEAM}, [], [], "retry", "taken for 0 of 3, 450 4.2.1 for 3"),
        (
            {TEAM[0]: ["550 no"], TEAM[1]: ["452 4.2.2 full"]},
            [],
            [],
            "retry",
            "taken for 1 of 3, 452 4.2.2 for 1, 550 for 1",
        ),
        (
            {},
            ["554 5.7.1 looks like spam: MAJOR: We"],
            [],
            "refused",
            "the mail server did not take it (554 5.7.1)",
        ),
        ({}, ["451 try again"], [], "retry", "the mail server did not take it (451)"),
        (
            {},
            [],
            ["553 5.7.1 not yours"],
            "retry",
            "the mail server takes none from AUGENTIS_SMTP_FROM (553 5.7.1)",
        ),
    ],
)
async def test_what_the_server_says_means(senders: Making, refusals, data, sender, verdict, said):
    async with receiving() as box:
        box.to, box.data, box.sender = refusals, data, sender
        assert await senders(**through(box)).send(mail()) == Outcome(verdict, said)


async def test_a_server_that_is_slow_or_away_or_not_set_is_tried_again(senders: Making):
    async with receiving() as box:
        box.seconds = 5
        slow = await senders(**through(box), AUGENTIS_DELIVERY_TIMEOUT="300ms").send(mail())
        assert slow == Outcome("retry", "the mail server did not answer in time")
    async with receiving() as box:
        box.parting = 5
        taken = await senders(**through(box), AUGENTIS_DELIVERY_TIMEOUT="300ms").send(mail())
        assert (taken.verdict, len(box.mails)) == ("accepted", 1)
    away = await senders(**through(box)).send(mail())
    assert away == Outcome("retry", "the mail server could not be talked to (ConnectionRefusedError)")
    unset = await senders().send(mail())
    assert unset == Outcome("retry", "no mail server is set (AUGENTIS_SMTP_URL)")


async def test_a_private_server_is_refused_but_for_the_operators_own(senders: Making):
    async with receiving() as box:
        senders(**through(box))
        settings = Settings(**through(box))  # type: ignore[arg-type]  # by its names in the environment
        with pytest.raises(RefusedError, match="AUGENTIS_WEBHOOK_ALLOW"):
            await MailSender(settings, Guard(Allowed())).send(mail())
        assert box.connections == 0
        assert (await MailSender(settings).send(mail())).verdict == "accepted"


async def test_addresses_beyond_ascii_go_where_the_server_reads_them(senders: Making):
    async with receiving() as plain, receiving(utf8=True) as modern:
        host = await senders(**through(plain)).send(mail("ada@bücher.example"))
        assert (host.verdict, plain.mails[0].to) == ("accepted", ("ada@xn--bcher-kva.example",))
        name = await senders(**through(plain)).send(mail("jörg@acme.example"))
        assert name == Outcome("refused", "the mail server takes no addresses beyond ASCII (SMTPUTF8)")
        assert (await senders(**through(modern)).send(mail("jörg@acme.example"))).verdict == "accepted"
        assert modern.mails[0].to == ("jörg@acme.example",)


@pytest.mark.parametrize(
    "address",
    [
        "ada@acme.example>\r\nRCPT TO:<eve@evil.example",
        "ada@a.example\nBcc: e@e.e",
        "ada@acme.example,eve@evil.example",
        "<ada@acme.example>",
        "a b@c.example",
        "@a.example",
        "ada",
        "",
    ],
)
async def test_what_is_no_address_adds_no_command_and_no_header(senders: Making, address):
    async with receiving() as box:
        outcome = await senders(**through(box)).send(replace(mail(), settings={"to": [TEAM[0], address]}))
    assert (outcome.verdict, box.connections) == ("refused", 0)


async def test_many_mails_at_once_share_some_connections(senders: Making):
    async with receiving() as box:
        box.seconds = 0.05
        send = senders(**through(box)).send
        outcomes = await asyncio.gather(*(send(mail(id=uuid4())) for _ in range(60)))
    assert {each.verdict for each in outcomes} == {"accepted"}
    assert len(box.mails) == 60
