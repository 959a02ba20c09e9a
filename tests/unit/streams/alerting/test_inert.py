"""Whatever people write into names and texts acts in no channel, and fits into each."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerting import (
    alertmanager,
    digest,
    event,
    mail,
    notice,
    page,
    pagerduty,
    pulse,
    slack,
    storm,
    teams,
    telling,
    text,
)
from streams.alerting.chart import alt
from streams.alerting.content import ArtifactVersion, Content, Course, Incident, Kind, Peer
from streams.alerting.drawing import png
from streams.alerting.inert import clean, web_address
from streams.alerting.mail import Envelope, Picture
from streams.alerting.message import Message
from streams.alerting.places import Places
from tests.golden.digests import WEEK
from tests.golden.forms import ENVELOPE
from tests.golden.notices import HOUR, SAMPLES
from tests.golden.samples import CHANNEL, CHART, CONTENTS, DETECTED, INCIDENT, PLACES, STORM, brief
from tests.unit.streams.alerting import limits

NASTY = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "\"><a href='https://evil.example'>x</a>",
    "slack": "*bold* _it_ ~s~ `c` <!channel> <@U1> <#C1> <http://evil.example|x> @here &lt;!here&gt;",
    "markdown": "[x](https://evil.example) ![x](https://evil.example/a.png) **b** # h <at>all</at>",
    "header": "a\r\nBcc: victim@evil.example\r\n\r\nbody\n.\n",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "turned": "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u061c \ufeff\u200bz",
    "controls": "\x00\x07\x1b[31mred\x1b[0m\x9b31m\ud800 \U000e0041",
    "long": "name " * 2000,
    "wide": "\U0001f600" * 10_000,
    "marks": "z" + "\u0301" * 9_999,
    "entities": "&" * 10_000,
    "template": "${jndi:ldap://x} {{ 7*7 }} {title} %s %(x)s",
    "empty": "   \u200b ",
}
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def poisoned(said: str, kind: Kind) -> Content:
    """Return a content in which all that people write is `said`."""
    sample = CONTENTS[kind]
    return replace(
        sample,
        report=replace(sample.report, summary=said, cohort=said, feature=said),
        cascade=replace(sample.cascade, affected_features=[said] * 50, affected_code_modules=[said] * 50),
        # Unchecked: what was stored before a rule was made may break it.
        assumption=sample.assumption.model_copy(
            update=dict.fromkeys(("cohort", "feature", "key", "statement", "owner", "runbook_url"), said)
        ),
        artifact=ArtifactVersion(sample.artifact.id, "PRD", said, 1, said),
        project=said,
        org=said,
        owner=said,
        course=Course(
            sample.course.at,
            "MINOR",
            said,
            sample.course.resolved_at,
            acknowledged_by=said,
            acknowledged_at=sample.course.at,
        ),
        incident=Incident(INCIDENT, [Peer(INCIDENT, said, "MAJOR", is_root=True, is_open=True)] * 50),
    )


def messages(said: str) -> Iterator[tuple[Message, dict[str, Any]]]:
    for kind in CONTENTS:
        content = poisoned(said, kind)
        told = telling.message(content)
        yield told, event.render(told, content)
    many = replace(STORM, org=said, briefs=[brief(n, project=said, summary=said) for n in range(30)])
    told = storm.message(many)
    yield told, event.render_storm(told, many)
    yield from of_others(said)


def of_others(said: str) -> Iterator[tuple[Message, dict[str, Any]]]:
    """Yield what is told of no report: a week, what the system notices, a channel itself."""
    week = replace(WEEK, org=said, briefs=[brief(n, project=said, summary=said) for n in range(30)])
    yield (told := digest.message(week)), digest.render(told, week)
    for sample in SAMPLES.values():
        detail = {**sample.detail, "over": said, "reasons": {said: 7, f"{said}2": 1}}
        seen = replace(sample, org=said, project=said, cohort=said, detail=detail)
        yield (told := notice.message(seen)), notice.render(told, seen)
    channel = replace(CHANNEL, org=said, name=said)
    beat, test = pulse.heartbeat(channel, HOUR, DETECTED), pulse.test(channel, INCIDENT, DETECTED)
    yield from ((told, pulse.render(told, channel)) for told in (beat, test))


class Tags(HTMLParser):
    """Collects what a page has of tags and attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def judge_page(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    known = {"html", "head", "meta", "title", "body", "table", "tr", "td", "th", "a", "img"}
    assert {tag for tag, _ in tags.found} <= known
    for tag, attributes in tags.found:
        assert not any(name.startswith("on") for name in attributes)
        if tag == "a":
            assert (attributes["href"] or "").startswith("https://divergence.acme.example/")
        if tag == "img":
            assert (attributes["src"] or "").startswith("cid:")


def judge_mail(told: Message) -> None:
    made = mail.render(told, ENVELOPE, PLACES, Picture(b"png", alt(CHART)))
    read = message_from_bytes(made.as_bytes(), policy=policy.default)
    assert len(read["Subject"]) <= 150
    assert read["Bcc"] is None
    assert read["To"] == ENVELOPE.to
    assert all(len(line) <= 998 for line in made.as_bytes().split(b"\r\n"))
    parts = {part.get_content_type(): part for part in read.walk()}
    assert set(parts) == {
        "multipart/alternative",
        "multipart/related",
        "text/plain",
        "text/html",
        "image/png",
    }
    judge_page(parts["text/html"].get_content())


def judge_text(said: str) -> None:
    assert len(said) < 16_000
    shown = set(said.replace("\n", ""))
    assert not [character for character in shown if unicodedata.category(character) in UNSEEN]
    said.encode()


def judge(told: Message, body: dict[str, Any]) -> None:
    judge_text(text.render(told))
    judge_mail(told)
    limits.slack(slack.render(told))
    limits.teams(teams.render(told))
    limits.pagerduty(pagerduty.render(told))
    limits.alertmanager(alertmanager.render(told))
    words = body["data"]["message"]
    for said in limits.walk([words, slack.render(told), teams.render(told), pagerduty.render(told)]):
        if isinstance(said, str):
            judge_text(said)
    assert len(json.dumps(words)) < 120_000


@pytest.mark.parametrize("name", NASTY)
def test_nothing_that_people_write_acts_anywhere(name: str):
    for told, body in messages(NASTY[name]):
        judge(told, body)


@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(codec=None), max_size=300))
def test_nor_does_any_other_text(said: str):
    for told, body in messages(said):
        judge(told, body)


@given(st.text(max_size=300), st.integers(2, 100))
def test_clean_text_is_one_bounded_line_and_stays_as_it_is(said: str, limit: int):
    shown = clean(said, limit)
    assert len(shown) <= limit
    assert shown == shown.strip()
    assert shown.split("\n") == shown.splitlines() or not shown
    assert clean(shown, limit) == shown


def test_marks_do_not_pile_up():
    assert clean("z\u0335" + "\u0300" * 50 + "a", 100) == "z\u0335" + "\u0300" * 3 + "a"


def test_names_in_all_alphabets_are_kept():
    for said in ("Müller & Söhne", "לקוחות", "العملاء", "顧客", "клиенты", "👍 done", "ทดสอบ", "हिन्दी"):
        assert clean(said, 100) == said


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "data:text/html,x", "ftp://x.example", "//x.example", "", "https://", "x"),
        *("https://acme.example@evil.example/", "http://[::1", "https://a.example/" + "x" * 2000),
    ],
)
def test_a_runbook_that_is_no_web_address_is_no_link(address: str):
    assert web_address(address) is None
    content = poisoned(address, Kind.DETECTED)
    assert "Runbook" not in [link.name for link in telling.message(content).links]


def test_what_ends_an_address_in_slack_or_html_is_encoded_in_it():
    address = web_address("https://wiki.example/a|b<c>\"d'e`f g?x=%2F&y=ü#z")
    assert address == "https://wiki.example/a%7Cb%3Cc%3E%22d'e%60f%20g?x=%2F&y=%C3%BC#z"


def test_an_envelope_cannot_smuggle_a_header():
    told = telling.message(CONTENTS[Kind.DETECTED])
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        mail.render(told, Envelope("a@x.example\r\nBcc: b@x.example", "c@x.example"), PLACES)


def test_without_a_public_address_there_are_paths_and_ids_and_no_links():
    told = telling.message(replace(CONTENTS[Kind.DETECTED], places=Places()))
    assert [link.name for link in told.links] == ["Runbook"]
    assert f"/v1/divergence-reports/{told.subject.id}" in told.note
    assert "generatorURL" not in alertmanager.render(told)[0]
    assert "client_url" not in pagerduty.render(told)
    made = mail.render(told, ENVELOPE, Places())
    assert re.fullmatch(r"<[0-9a-f-]{36}\.detected@acme\.example>", made["Message-ID"])


@pytest.mark.parametrize("said", NASTY.values(), ids=list(NASTY))
def test_a_chart_is_drawn_whatever_its_series_is_called(said: str):
    drawn = png(replace(CHART, subject=said))
    assert drawn.startswith(b"\x89PNG")
    assert len(drawn) < 40_000
    words = alt(replace(CHART, subject=said))
    judge_text(words)
    judge_page(page.render(storm.message(STORM), ("chart", words)))
