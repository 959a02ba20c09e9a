"""`augentis alert preview`, in this process, on rows that nothing changes."""

import json
from email import message_from_bytes, policy
from pathlib import Path
from uuid import uuid4

import pytest

from cli.exits import Exit
from tests.integration.conftest import Augentis
from tests.unit.streams.alerting import limits
from tests.world import World

ORG = ("--org", "acme")
PUBLIC = "https://divergence.acme.example"


@pytest.fixture
def reading(
    world: World, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Augentis:
    for name, value in world.database.environment(home).items():
        monkeypatch.setenv(name, value)
    return Augentis(capsys)


def test_a_stored_report_is_told_as_text(reading: Augentis, world: World):
    report = world.places["a1"].report
    assert reading("alert", "preview", report, *ORG) == Exit.DONE, reading.err
    lines = reading.out.splitlines()
    assert lines[0] == "MINOR: We assumed more."
    said = {line[:15].strip(): line[16:] for line in lines if len(line) > 16}
    assert said["Actual"] == "42 %"
    assert said["Evidence"].startswith("assumed on E2 ")
    assert said["Rests on it"] == "features F12 PRD; modules checkout_page"
    assert said["Project"] == "Project a1"
    assert said["Artifact"].startswith("PRD prd, version 1")
    assert lines[-1].endswith(f"API: /v1/divergence-reports/{report}")
    assert "https://" not in reading.out


@pytest.mark.parametrize("event", ["detected", "reclassified", "resolved", "reminder", "storm"])
def test_each_channel_gets_each_event_in_its_form(
    reading: Augentis, world: World, monkeypatch: pytest.MonkeyPatch, event: str
):
    monkeypatch.setenv("AUGENTIS_PUBLIC_URL", PUBLIC)
    place = world.places["a1"]
    for channel in ("slack", "teams", "pagerduty", "alertmanager", "webhook", "text"):
        done = reading("alert", "preview", place.report, *ORG, "--channel", channel, "--event", event)
        assert done == Exit.DONE, reading.err
        assert f"{PUBLIC}/v1/divergence-reports" in reading.out
        if channel == "webhook":
            assert json.loads(reading.out)["type"] == f"divergence.{event}"
        elif channel != "text":
            getattr(limits, channel)(json.loads(reading.out))


def test_a_mail_and_its_chart_are_written_to_files(reading: Augentis, world: World, tmp_path: Path):
    out = tmp_path / "alert.eml"
    report = world.places["a1"].report
    wanted = ("--channel", "email", "--event", "reminder", "--out", out)
    assert reading("alert", "preview", report, *ORG, *wanted) == Exit.DONE, reading.err
    assert (reading.out, "From and To" in reading.err) == ("", True)
    mail = message_from_bytes(out.read_bytes(), policy=policy.default)
    picture = next(part for part in mail.walk() if part.get_content_type() == "image/png")
    assert picture.get_payload(decode=True) == (tmp_path / "alert.png").read_bytes()
    assert "42 to 42 %" in next(
        part.get_content() for part in mail.walk() if "html" in part.get_content_type()
    )


def test_what_cannot_be_told_as_asked_is_said(reading: Augentis, world: World, tmp_path: Path):
    report = world.places["a1"].report
    assert reading("alert", "preview", report, *ORG, "--event", "resolved") == Exit.DONE
    assert "as if it were resolved now" in reading.err
    assert reading("alert", "preview", uuid4(), *ORG) == Exit.USAGE
    assert "no report" in reading.err
    assert reading("alert", "preview", "x", *ORG) == Exit.USAGE
    assert reading("alert", "preview", report, *ORG, "--out", tmp_path / "no" / "file") == Exit.USAGE
    assert "--out" in reading.err


def test_another_organisations_report_is_not_there(reading: Augentis, world: World):
    theirs = world.places["b1"].report
    assert reading("alert", "preview", theirs, "--org", "beta") == Exit.DONE, reading.err
    assert reading("alert", "preview", theirs, *ORG) == Exit.USAGE
    assert "no report" in reading.err
