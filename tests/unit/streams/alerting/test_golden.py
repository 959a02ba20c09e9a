"""Alerts look as they did; `python -m tests.golden` writes the files anew where they are meant to change."""

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from PIL import Image, ImageChops
from referencing import Registry

from streams.alerting import alertmanager, pulse, storm, telling
from streams.alerting.content import Incident, Kind
from streams.alerting.drawing import png
from streams.alerting.mail import render
from streams.alerting.places import Places
from tests.golden import forms
from tests.golden.samples import (
    CHANNEL,
    CHART,
    CONTENTS,
    DETECTED,
    INCIDENT,
    PEERS,
    PLACES,
    STORM,
)
from tests.unit.streams.alerting import limits

ROOT = Path(__file__).parents[4]
MINUTE = timedelta(minutes=1)


def schema(name: str) -> Draft202012Validator:
    read = {
        each: json.loads((ROOT / f"docs/schemas/{each}-v1.schema.json").read_text())
        for each in ("alert", name)
    }
    known = Registry().with_contents([("urn:augentis:schema:alert-v1", read["alert"])])
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(read[name], format_checker=checker, registry=known)


SCHEMAS = {
    kind: schema(name)
    for kind, name in (("divergence", "alert"), ("notice", "notice"), ("channel", "channel"))
}
"""By what comes first in an event's type."""
STORED = {path.name: path.read_bytes() for path in forms.FOLDER.iterdir()}
RENDERED = forms.texts(STORED[forms.PICTURE])


def test_each_form_of_each_event_has_a_file_and_no_file_is_left_over():
    assert set(STORED) == {*RENDERED, forms.PICTURE}


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_a_message_is_the_file_byte_for_byte(name: str):
    assert RENDERED[name] == STORED[name], f"{name} differs; if it is meant to: python -m tests.golden"


def test_the_picture_is_the_file_pixel_for_pixel():
    # Not byte for byte: a PNG's compression is that of the machine's zlib.
    drawn, stored = (Image.open(BytesIO(data)).convert("RGB") for data in (png(CHART), STORED[forms.PICTURE]))
    assert drawn.size == stored.size == (1200, 480)
    assert ImageChops.difference(drawn, stored).getbbox() is None


@pytest.mark.parametrize("name", [name for name in sorted(RENDERED) if name.endswith(".json")])
def test_a_message_keeps_its_channels_limits(name: str):
    channel, body = name.partition(".")[0], json.loads(RENDERED[name])
    if channel in ("webhook", "outbox"):
        SCHEMAS[body["type"].partition(".")[0]].validate(body)
    else:
        getattr(limits, channel)(body)


def mail(kind: str) -> EmailMessage:
    read = message_from_bytes(STORED[f"email.{kind}.eml"], policy=policy.default)
    assert isinstance(read, EmailMessage)
    return read


def test_the_room_reads_no_clock_no_file_and_no_chance():
    found = [
        (path.name, match[0])
        for path in sorted((ROOT / "streams/alerting").glob("*.py"))
        for match in re.finditer(r"\b(now|today|uuid4|open|random|make_msgid)\(", path.read_text())
    ]
    assert found == []


def test_a_mail_has_its_text_its_page_and_its_picture_and_needs_nothing_else():
    parts = {part.get_content_type(): part for part in mail("detected").walk()}
    page, picture = parts["text/html"].get_content(), parts["image/png"]
    assert parts["text/plain"].get_content().startswith("MAJOR: We assumed")
    assert f'src="cid:{picture["Content-ID"][1:-1]}"' in page
    assert picture.get_content() == STORED[forms.PICTURE]
    assert page.count(" src=") == 1
    assert not any(word in page for word in ("<script", "<style", "url(", "<link", "background"))
    assert 'alt="adoption of F12 among mainstream, each day from 2026-10-05' in page


def test_mails_of_a_report_are_one_thread_and_each_is_known_by_its_own_id():
    first = mail("detected")["Message-ID"]
    later = [mail(kind) for kind in ("reclassified", "reminder", "resolved")]
    assert {each["In-Reply-To"] for each in later} == {first}
    assert len({first, *(each["Message-ID"] for each in later)}) == 4
    assert mail("detected")["In-Reply-To"] is mail("storm")["In-Reply-To"] is None


def test_one_thing_is_one_alert_until_it_is_over():
    kinds = ("detected", "reclassified", "reminder", "resolved")
    duty = [json.loads(STORED[f"pagerduty.{kind}.json"]) for kind in kinds]
    assert len({event["dedup_key"] for event in duty}) == 1
    assert [event["event_action"] for event in duty] == ["trigger", "trigger", "acknowledge", "resolve"]
    [labels, *others] = [json.loads(STORED[f"alertmanager.{kind}.json"])[0]["labels"] for kind in kinds]
    assert all(other == labels for other in others)


def first(kind: str) -> str:
    return str(mail(kind)["Message-ID"]).strip()


def test_mails_of_one_incident_answer_one_thing_and_what_is_open_again_is_a_mail_of_its_own():
    whole = replace(CONTENTS[Kind.DETECTED], incident=Incident(INCIDENT, PEERS, told_as_one=True))
    later = replace(whole, course=replace(whole.course, at=whole.report.detected_at + timedelta(days=9)))
    mails = [render(telling.message(each), forms.ENVELOPE, PLACES) for each in (whole, later)]
    assert {each["In-Reply-To"] for each in mails} == {f"<{INCIDENT}.detected@{PLACES.host}>"}
    again = render(telling.message(replace(later, incident=None)), forms.ENVELOPE, PLACES)
    assert again["In-Reply-To"] == first("detected") != again["Message-ID"]
    over = storm.message(replace(STORM, over=True))
    assert render(over, forms.ENVELOPE, PLACES)["References"] == first("storm")
    nowhere = render(over, forms.ENVELOPE, Places())
    assert nowhere["Message-ID"].endswith("@acme.example>")
    assert nowhere["References"].endswith("@acme.example>")


def test_a_heartbeat_is_one_alert_that_goes_on_and_a_test_is_one_of_its_own():
    first, next_ = (pulse.heartbeat(CHANNEL, MINUTE, DETECTED + n * MINUTE) for n in (0, 1))
    assert first.subject.labels == next_.subject.labels
    [beat] = alertmanager.render(next_)
    assert beat["labels"]["alertname"] == "AugentisHeartbeat"
    assert datetime.fromisoformat(beat["endsAt"]) == DETECTED + 4 * MINUTE
    tests = [alertmanager.render(pulse.test(CHANNEL, UUID(int=n), DETECTED))[0]["labels"] for n in (1, 2)]
    assert tests[0] != tests[1]
    assert (pulse.beats("alertmanager"), pulse.beats("pagerduty")) == (True, False)
