"""What the client writes, in an organisation of the test's own."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from api.app import create_app
from client import ApiError, Client
from settings import Settings
from storage.database import engine
from storage.tenancy import Claims
from tests.integration.conftest import bearer_of
from tests.integration.teams import PROBLEM, Team, founded
from tests.world import HOUR, Place, World, assumption, report

Open = Callable[[str], Client]


class InProcess(httpx.BaseTransport):
    """Asks an application in this process, in one event loop: its connections belong to it."""

    def __init__(self, app: FastAPI, loop: asyncio.Runner) -> None:
        self._app, self._loop = httpx.ASGITransport(app), loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._loop.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        answer = await self._app.handle_async_request(asked)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


@pytest.fixture
def team(changing_world: World, settings: Settings) -> Team:
    return asyncio.run(founded(httpx.AsyncClient(), settings, changing_world.database))


@pytest.fixture
def open_(changing_world: World, settings: Settings) -> Iterator[Open]:
    """Opens a client with a token, in this process."""
    app = create_app(changing_world.database.settings(settings.home))
    with asyncio.Runner() as loop:
        yield lambda token: Client("http://api.test", token, transport=InProcess(app, loop))
        loop.run(app.state.services.close())


@pytest.fixture
def client(open_: Open, team: Team) -> Iterator[Client]:
    bearer = bearer_of(team.settings, Claims(team.people["ann"], team.org))
    with open_(bearer["Authorization"].removeprefix("Bearer ")) as client:
        yield client


def test_a_product_is_written_down_and_approved(client: Client, team: Team):
    workspace = client.change_workspace(client.workspace(team.workspace), name="Payments")
    assert [each["name"] for each in client.workspaces(sort="name")] == ["Payments"]
    project = client.create_project(workspace["id"], "Checkout", PROBLEM)
    project = client.change_project(project, description="One page")
    assert (project["description"], project["version"]) == ("One page", 2)
    draft, again = (
        client.create_artifact(project["id"], "PRD", content={"title": "a"}, idempotency_key="prd")
        for _ in range(2)
    )
    assert again == draft
    changed = client.change_artifact(draft, evidence_tier="E2")
    with pytest.raises(ApiError, match="412 It has changed"):
        client.change_artifact(draft, evidence_tier="E3")
    approved = client.change_artifact(client.change_artifact(changed, status="REVIEW"), status="APPROVED")
    assert approved["status"] == "APPROVED"
    assert list(client.assumptions(project["id"])) == []
    client.archive_project(project)
    assert list(client.projects()) == []
    assert [each["id"] for each in client.projects(is_archived=True)] == [project["id"]]


def test_versions_are_tagged_and_linked(client: Client, team: Team):
    project = client.create_project(team.workspace, "Checkout", PROBLEM)
    prd = client.create_artifact(project["id"], "PRD")
    code = client.create_artifact(project["id"], "CODE_BACKEND", depends_on=[prd["id"]])
    assert code["depends_on"] == [prd["id"]]
    tests = client.create_artifact(project["id"], "TEST_SUITE")
    assert client.add_dependency(tests["id"], code["id"])["depends_on_id"] == code["id"]
    cascade = client.cascade(prd["id"], telemetry_tier="E1")
    assert [each["path"][-1] for each in cascade["affected"]] == ["PRD/", "CODE_BACKEND/", "TEST_SUITE/"]
    assert cascade["tier_delta"] == 1
    assert list(client.incidents(project_id=project["id"], is_open=True)) == []
    client.tag_artifact(code["id"], "a/b")
    found = client.artifacts(project["id"], tag="a/b", latest=True)
    assert [each["id"] for each in found] == [code["id"]]
    client.untag_artifact(code["id"], "a/b")
    assert client.artifact(code["id"])["tags"] == []


async def broken(world: World, place: Place) -> None:
    """Let production have proven an assumption of the project wrong."""
    mighty = engine(world.database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        for row in (assumption(place), report(place, HOUR)):
            session.add(row)
            await session.flush()


def test_a_report_is_handled_and_its_timeline_tells_it(client: Client, team: Team, changing_world: World):
    project = client.create_project(team.workspace, "Checkout", PROBLEM)
    prd = client.create_artifact(project["id"], "PRD")
    place = Place(team.org, team.workspace, UUID(project["id"]), UUID(prd["id"]))
    asyncio.run(broken(changing_world, place))
    [report] = client.divergence_reports(project_id=place.project)
    seen = client.acknowledge_report(report)
    assert (seen["status"], seen["acknowledged_by"]) == ("ACKNOWLEDGED", str(team.people["ann"]))
    with pytest.raises(ApiError, match="412"):
        client.resolve_report(report, "read before it was acknowledged")
    assert list(client.divergence_reports(project_id=place.project, status="OPEN")) == []
    until = datetime.now(UTC) + timedelta(days=1)
    put_off = client.snooze_report(
        client.assign_report(client.unacknowledge_report(seen), team.people["max"]), until
    )
    assert (put_off["assignee_id"], put_off["snoozed_until"] is None) == (str(team.people["max"]), False)
    closed = client.resolve_report(client.snooze_report(put_off, None), "as planned")
    assert (closed["status"], closed["resolution"], closed["resolved_at"]) == (
        *("RESOLVED", "person"),
        closed["closed_at"],
    )
    opened = client.assign_report(client.reopen_report(closed, "not as planned"), None)
    assert (opened["status"], opened["resolution"], opened["resolved_at"]) == ("OPEN", None, None)
    said = client.comment_on_report(report["id"], "<b>we know</b>")
    told = list(client.report_timeline(report["id"]))
    assert [event["kind"] for event in told] == [
        *("DETECTED", "ACKNOWLEDGED", "UNACKNOWLEDGED", "ASSIGNED", "SNOOZED", "WOKEN", "RESOLVED"),
        *("REOPENED", "UNASSIGNED", "COMMENTED"),
    ]
    assert told[-1] == said == next(client.report_timeline(report["id"], sort="-sequence"))
    assert said["body"] == {"text": "<b>we know</b>"}
    with pytest.raises(ValueError, match="no time zone"):
        client.snooze_report(opened, datetime(2026, 1, 1))  # noqa: DTZ001


def test_people_and_keys_are_looked_after(client: Client, team: Team, open_: Open):
    by_name = {each["full_name"]: each for each in client.members()}
    assert by_name.keys() == team.people.keys()
    project = client.create_project(client.create_workspace("Payments")["id"], "Checkout", PROBLEM)
    access = client.put_project_access(project["id"], team.people["vic"], "EDITOR")
    assert list(client.project_access(project["id"])) == [access]
    client.end_project_access(access)
    assert client.change_member(by_name["vic"], "MEMBER")["role_in_org"] == "MEMBER"
    client.remove_member(by_name["max"])
    assert {each["full_name"] for each in client.members(role_in_org="MEMBER")} == {"vic"}
    assert len(list(client.members(include_removed=True, sort="email"))) == 3
    assert client.member(team.people["max"])["removed_at"]
    invitation = client.invite("new@teams.example", "VIEWER")
    assert list(client.invitations(status="PENDING", sort="expires_at")) == [invitation]
    client.revoke_invitation(invitation["id"])
    assert client.invitation(invitation["id"])["status"] == "REVOKED"
    assert list(client.invitations(status="PENDING")) == []
    made = client.create_key(project["id"], "notebook", ["read"])
    with open_(made["key"]) as machine:
        assert [each["id"] for each in machine.projects()] == [project["id"]]
    [key] = client.keys(project_id=project["id"])
    assert key["last_used_at"], "the machine has asked"
    key = client.rename_key(key, "old notebook")
    client.revoke_key(key)
    assert list(client.keys()) == []
    assert [each["name"] for each in client.keys(include_revoked=True, sort="name")] == ["old notebook"]
    assert client.key(key["id"])["revoked_at"]
    with open_(made["key"]) as machine, pytest.raises(ApiError, match="401"):
        list(machine.projects())
    assert client.change_me("Ann Other")["full_name"] == "Ann Other"
    assert client.change_organization(client.organization(), timezone="Europe/Vienna")["version"] == 2
    assert client.alarm_budget()["alarms_per_year"] == client.organization()["alarms_per_year"] == 1


def test_evidence_is_added_and_reviewed_by_somebody_else(client: Client, team: Team, open_: Open):
    project = client.create_project(team.workspace, "Evident", PROBLEM)
    draft = client.create_artifact(project["id"], "PRD")
    piece = client.add_evidence(draft["id"], "interview", 9, 80, idempotency_key="interviews")
    piece = client.submit_evidence(client.change_evidence(piece, evidence_count=10))
    with pytest.raises(ApiError, match="403 Evidence is reviewed by somebody else"):
        client.escalate_evidence(piece)
    bearer = bearer_of(team.settings, Claims(team.people["max"], team.org))
    with open_(bearer["Authorization"].removeprefix("Bearer ")) as reviewer:
        piece = reviewer.submit_evidence(reviewer.return_evidence(piece))
        piece = reviewer.escalate_evidence(piece)
    assert client.piece_of_evidence(piece["id"]) == piece
    assert list(client.evidence(draft["id"], source="interview", escalation_status="ESCALATED")) == [piece]
    ladder = client.evidence_tier(draft["id"])
    assert (ladder["evidence_tier"], ladder["rungs"][1]["evidence"]) == ("E2", [piece["id"]])
    assert [each["id"] for each in client.artifacts(project["id"], evidence_tier="E2")] == [draft["id"]]


def test_a_gate_is_decided_on_and_overridden(client: Client, team: Team, open_: Open):
    project = client.create_project(team.workspace, "Gated", PROBLEM)
    draft = client.create_artifact(project["id"], "PRD")
    piece = client.submit_evidence(client.add_evidence(draft["id"], "interview", 10, 80))
    bearer = bearer_of(team.settings, Claims(team.people["max"], team.org))
    with open_(bearer["Authorization"].removeprefix("Bearer ")) as reviewer:
        reviewer.escalate_evidence(piece)
    gate = client.gates()[0]
    scores = {f"indicator {n}": 60 for n in range(gate["indicators"])}
    asked = (project["id"], gate["phase"], scores, "as it was found", [draft["id"]])
    made = client.decide_gate(*asked, evidence_ids=[piece["id"]], idempotency_key="once")
    assert client.decide_gate(*asked, evidence_ids=[piece["id"]], idempotency_key="once") == made
    assert (made["decision"], made["evidence_ids"]) == ("CONDITIONAL", [piece["id"]])
    [listed] = client.gate_decisions(project["id"], decision="CONDITIONAL")
    assert listed["id"] == made["id"]
    assert client.override_gate_decision(made, "the board takes the risk")["override_at"]
    assert client.gate_decision(made["id"])["version"] == 2
    assert client.project(project["id"])["phase"] == gate["next_phase"]


def test_hours_and_days_are_taken_out_and_given_back(client: Client, team: Team):
    project = client.create_project(team.workspace, "Checkout", PROBLEM)["id"]
    begins, ends = (datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in (10, 12))
    windows = [
        client.create_exclusion(project, begins, ends, "INCIDENT", "no database", idempotency_key="once")
        for _ in range(2)
    ]
    assert list(client.exclusions(project, since=begins, until=ends)) == windows[:1]
    client.take_back_exclusion(windows[0])
    assert list(client.exclusions(project)) == []
    [kept] = client.exclusions(project, include_removed=True, sort="created_at")
    assert kept == client.exclusion(project, kept["id"])
    put = client.put_holidays(
        project, {date(2026, 12, 24): "closed"}, country="AT", first_year=2026, last_year=2026
    )
    assert put == client.holidays(project)
    assert {each["day"] for each in put["holidays"]} > {"2026-12-24", "2026-10-26"}
    assert client.put_holidays(project)["holidays"] == []


def test_a_channel_is_made_its_secret_rotated_and_it_is_removed(client: Client):
    made = client.create_alert_channel(
        "webhook", "Ours", {"url": "https://receiver.example"}, heartbeat_every="4h", idempotency_key="once"
    )
    first = made["secret"]
    assert first is not None
    rotated = client.rotate_channel_secret(made["id"], idempotency_key="twice")
    assert rotated["secret"] not in {None, first}
    assert rotated["secret_rotated_at"] is not None
    assert client.retire_channel_secret(made["id"])["secret_rotated_at"] is None
    channel = client.enable_alert_channel(made["id"])
    channel = client.change_alert_channel(channel, name="Ours too", heartbeat_every=None)
    assert client.alert_channel(channel["id"]) == channel
    assert channel in list(client.alert_channels(kind="webhook", sort="name"))
    client.remove_alert_channel(channel)
    assert channel["id"] not in {each["id"] for each in client.alert_channels()}


def test_alerts_wait_for_a_silence_and_at_night(client: Client, team: Team):
    project = client.create_project(team.workspace, "Checkout", PROBLEM)["id"]
    ends = datetime.now(UTC) + timedelta(hours=2)
    matched = {"project_id": [project], "metric_name": ["latency_p50"]}
    asked = (matched, ends, "the database moves")
    silence, again = (client.create_alert_silence(*asked, idempotency_key="once") for _ in range(2))
    assert (silence, silence["state"]) == (again, "active")
    assert list(client.alert_silences(state="active", project_id=UUID(project))) == [silence]
    ended = client.end_alert_silence(silence)
    assert (ended["state"], ended["ended_by"]) == ("ended", str(team.people["ann"]))
    assert client.alert_silence(silence["id"]) == ended
    assert list(client.alert_silences(state="active", sort="ends_at")) == []
    window = client.create_alert_window(
        *("Nights", "QUIET_HOURS", "Europe/Vienna", time(22), time(6, 30)),
        weekdays=[5, 6],
        last_day=date(2027, 6, 30),
        lets_through="critical",
    )
    assert (window["to_time"], window["last_day"], window["weekdays"]) == ("06:30", "2027-06-30", [5, 6])
    window = client.change_alert_window(window, to_time="07:00", last_day=None)
    assert client.alert_window(window["id"]) == window == next(client.alert_windows(sort="name"))
    client.remove_alert_window(window)
    assert list(client.alert_windows()) == []
