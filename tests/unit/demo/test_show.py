import io
import json
from typing import Any
from uuid import uuid4

from rich.console import Console

from cli.demo import show
from cli.demo.companies import Company
from cli.demo.findings import Found, reported
from cli.demo.planted import PLANTED, Reported, score
from cli.demo.receiver import Alert
from cli.demo.team import SeenTo

REPORT: dict[str, Any] = {
    "id": str(uuid4()),
    "artifact_id": "a1",
    "divergence_type": "PERSONA_MISMATCH",
    "classification": "MAJOR",
    "tier_delta": 3,
    "summary": "We assumed [bold]55 %[/bold]; it is 34 %.",
    "cascade_analysis": {"recommendation": "FULL_REDESIGN", "affected_code_modules": ["desk_home"]},
}
COMPANY = Company(
    "harbor", uuid4(), "ada@harbor.example", "token", {}, {"a1": ("Patient app", "persona-clinic-manager")}
)
ALERT = Alert(
    {"webhook-id": "m1", "webhook-timestamp": "1", "webhook-signature": "v1,x="},
    {"type": "divergence.detected", "data": {"id": REPORT["id"]}},
)
EVENT = {
    "at": "2026-11-24T08:00:00Z",
    "kind": "RESOLVED",
    "actor_kind": "user",
    "body": {"reason": "[b]done"},
}
DELIVERY = {
    "created_at": "2026-11-24T08:00:01Z",
    "sent_at": "2026-11-24T08:00:02Z",
    "kind": "resolved",
    "status": "SENT",
    "channel_id": "c1",
}


def printed(action) -> str:
    out = io.StringIO()
    action(Console(file=out, width=show.PLAIN_WIDTH))
    return out.getvalue()


def test_a_report_is_matched_by_its_artifact():
    planted = next(item for item in PLANTED if item.artifact == "persona-clinic-manager")
    said = reported(COMPANY, REPORT, {REPORT["id"]})
    assert (said.project, said.artifact, said.finding) == (planted.project, planted.artifact, planted.finding)
    assert not reported(COMPANY, REPORT, set()).finding.alerted
    assert reported(COMPANY, REPORT | {"artifact_id": "a2"}, set()).artifact == "a2"


def test_the_comparison_says_every_assumption_and_the_counts():
    all_found = [Reported(p.project, p.artifact, p.finding) for p in PLANTED if p.finding]
    text = printed(lambda out: show.comparison(out, score(all_found)))
    assert all(item.assumption in text for item in PLANTED)
    assert "found 4, missed 0, false 0" in text
    assert "WRONG" not in text
    text = printed(lambda out: show.comparison(out, score(all_found[1:])))
    assert "found 3, missed 1, false 0: this is NOT what the simulation planted" in text
    assert text.count("WRONG") == 1


def test_a_report_in_full_can_be_copied():
    found = Found(COMPANY, REPORT, reported(COMPANY, REPORT, set()))
    seen_to = SeenTo([ALERT], [DELIVERY], [EVENT])
    text = printed(lambda out: show.one_in_full(out, found, seen_to, "http://127.0.0.1:1"))
    assert json.dumps(REPORT["summary"]) in text
    assert '"desk_home"' in text
    assert "webhook-signature: v1,x=" in text
    assert f"http://127.0.0.1:1/v1/divergence-reports/{REPORT['id']}" in text
    assert "augentis token --user ada@harbor.example --org harbor" in text
    assert "RESOLVED       by a person  [b]done" in text
    assert "2026-11-24T08:00:02Z         resolved       SENT to channel c1" in text


def test_without_an_alert_none_is_shown():
    found = Found(COMPANY, REPORT, reported(COMPANY, REPORT, set()))
    seen_to = SeenTo([], [], [])
    text = printed(lambda out: show.one_in_full(out, found, seen_to, "http://127.0.0.1:1"))
    assert "webhook" not in text
    assert not seen_to.complete


def test_what_a_team_saw_to_is_complete_when_its_channel_has_begin_and_end():
    end = Alert({}, {"type": "divergence.resolved", "data": {"id": REPORT["id"]}})
    sent = [{**DELIVERY, "kind": kind} for kind in ("detected", "resolved")]
    events = [{**EVENT, "kind": kind} for kind in ("ACKNOWLEDGED", "RESOLVED")]
    assert SeenTo([ALERT, end], sent, events).complete
    assert not SeenTo([ALERT], sent, events).complete
    assert not SeenTo([ALERT, end], [{**sent[0], "status": "DEAD"}, sent[1]], events).complete
    assert not SeenTo([ALERT, end], sent, events[1:]).complete


def test_speed_is_samples_over_seconds():
    text = printed(lambda out: show.speed(out, show.Speed(600_000, 6.0, 20.0), 40))
    assert "100,000 samples/s" in text
    assert "30,000 samples/s" in text
