"""`augentis alert preview`, in this process, on rows that nothing changes."""

import asyncio
import json
from email import message_from_bytes, policy
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from cli.exits import Exit
from settings import Settings
from storage.tables import CascadeAnalysis
from tests.integration.conftest import Augentis
from tests.integration.teams import opened
from tests.integration.test_api import add
from tests.integration.test_api_detection import DAY, watched
from tests.unit.streams.alerting import limits
from tests.world import HOUR, Place, World, report, telemetry

ORG = ("--org", "acme")
PUBLIC = "https://divergence.acme.example"


def test_a_stored_report_is_told_as_text(reading: Augentis, world: World):
    told = world.places["a1"].report
    assert reading("alert", "preview", told, *ORG) == Exit.DONE, reading.err
    lines = reading.out.splitlines()
    assert lines[0] == "MINOR: We assumed more."
    said = {line[:15].strip(): line[16:] for line in lines if len(line) > 16}
    assert said["Actual"] == "42 %"
    assert said["Evidence"].startswith("assumed on E2 ")
    assert said["Rests on it"] == "features F12 PRD; modules checkout_page"
    assert said["Project"] == "Project a1"
    assert said["Artifact"].startswith("PRD prd, version 1")
    assert lines[-1].endswith(f"API: /v1/divergence-reports/{told}")
    assert "https://" not in reading.out


@pytest.mark.parametrize("event", ["detected", "reclassified", "resolved", "reminder", "storm"])
def test_each_channel_gets_each_event_in_its_form(
    reading: Augentis, world: World, monkeypatch: pytest.MonkeyPatch, event: str
):
    monkeypatch.setenv("AUGENTIS_PUBLIC_URL", PUBLIC)
    place = world.places["a1"]
    for channel in ("slack", "teams", "pagerduty", "alertmanager", "webhook", "kafka", "text"):
        done = reading("alert", "preview", place.report, *ORG, "--channel", channel, "--event", event)
        assert done == Exit.DONE, reading.err
        assert f"{PUBLIC}/v1/divergence-reports" in reading.out
        if channel in ("webhook", "kafka"):
            assert json.loads(reading.out)["type"] == f"divergence.{event}"
        elif channel != "text":
            getattr(limits, channel)(json.loads(reading.out))


async def _broken(world: World, settings: Settings) -> tuple[UUID, UUID]:
    """Return (organisation, report) of a team whose assumption six days kept and three broke."""
    async with opened(world.database, settings) as team:
        item = await watched(team, cohort="mainstream", feature="F12")
    ids = {name: UUID(item[name]) for name in ("org_id", "project_id", "artifact_id")}
    place = Place(
        ids["org_id"],
        uuid4(),
        project=ids["project_id"],
        artifact=ids["artifact_id"],
        assumption=UUID(item["id"]),
        report=uuid4(),
    )
    values = (62, 61, 64, 63, 61, 62, 45, 44, 42)
    days = [
        telemetry(place, HOUR + n * DAY, value, numerator=value, denominator=100)
        for n, value in enumerate(values)
    ]
    detected = (HOUR + len(values) * DAY).replace(hour=0)
    await add(world, *days, report(place, detected, id=place.report))
    rests = CascadeAnalysis(
        org_id=place.org,
        id=uuid4(),
        divergence_id=place.report,
        project_id=place.project,
        affected_features=[],
        affected_code_modules=[],
        reexecution_scope_days=2,
        full_redesign_days=14,
        recommendation="REEXECUTE",
    )
    await add(world, rests)
    return place.org, place.report


def test_a_mail_and_its_chart_are_written_to_files(
    changing_world: World,
    settings: Settings,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    org, told = asyncio.run(_broken(changing_world, settings))
    for name, value in changing_world.database.environment(home).items():
        monkeypatch.setenv(name, value)
    augentis, out = Augentis(capsys), tmp_path / "alert.eml"
    done = augentis("alert", "preview", told, "--org", org, "--channel", "email", "--out", out)
    assert (done, augentis.out, "From and To" in augentis.err) == (Exit.DONE, "", True)
    mail = message_from_bytes(out.read_bytes(), policy=policy.default)
    parts = {part.get_content_type(): part for part in mail.walk()}
    assert parts["image/png"].get_payload(decode=True) == (tmp_path / "alert.png").read_bytes()
    assert (
        'alt="adoption of F12 among mainstream, each day from 2026-10-11 to 2026-11-09: 42 to 64 %, '
        'last 42 %. 3 of 9 days are outside of what was assumed, at least 60 %. Detected 2026-11-09."'
    ) in parts["text/html"].get_content()


def test_what_cannot_be_told_as_asked_is_said(reading: Augentis, world: World, tmp_path: Path):
    told = world.places["a1"].report
    assert reading("alert", "preview", told, *ORG, "--event", "resolved") == Exit.DONE
    assert "as if it were resolved now" in reading.err
    assert reading("alert", "preview", uuid4(), *ORG) == Exit.USAGE
    assert "no report" in reading.err
    assert reading("alert", "preview", "x", *ORG) == Exit.USAGE
    assert reading("alert", "preview", told, *ORG, "--out", tmp_path / "alert.png") == Exit.USAGE
    assert reading("alert", "preview", told, *ORG, "--out", tmp_path / "no" / "file") == Exit.USAGE
    assert "--out" in reading.err


def test_another_organisations_report_is_not_there(reading: Augentis, world: World):
    theirs = world.places["b1"].report
    assert reading("alert", "preview", theirs, "--org", "beta") == Exit.DONE, reading.err
    assert reading("alert", "preview", theirs, *ORG) == Exit.USAGE
    assert "no report" in reading.err
