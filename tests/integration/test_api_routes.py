"""Routes of alerts over HTTP, and where a report would go."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from settings import Settings
from storage import routing, tables
from storage.database import engine
from tests.integration.teams import Team, opened, slug
from tests.world import HOUR, Place, World, assumption, report

Json = dict[str, Any]
ANY: Json = {"headers": {"If-Match": "*"}}
PAGE = Path(__file__).parents[2] / "docs" / "routing.md"


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def channel(team: Team, name: str, who: str = "ann") -> str:
    made = await team.made("alert-channels", who, kind="kafka", name=name)
    return str(made["id"])


async def default(team: Team) -> Json:
    listed: list[Json] = (await team.read("alert-routes"))["items"]
    assert listed[-1]["is_default"]
    return listed[-1]


async def reported(team: Team, world: World, **more: object) -> UUID:
    """Return a report of a new project of the team's, about an artifact with a tag."""
    project = UUID((await team.project())["id"])
    place = Place(team.org, team.workspace, project)
    of_project = {"org_id": team.org, "project_id": project}
    artifact = tables.Artifact(**of_project, id=place.artifact, type="PRD", created_by=team.people["ann"])
    tag = tables.Tag(**of_project, id=uuid4(), artifact_id=place.artifact, tag_name="checkout")
    told = tables.CascadeAnalysis(
        **of_project,
        id=uuid4(),
        divergence_id=place.report,
        affected_features=[],
        affected_code_modules=[],
        reexecution_scope_days=2,
        full_redesign_days=14,
        recommendation="REEXECUTE",
    )
    mighty = engine(world.database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        for row in (artifact, tag, assumption(place), report(place, HOUR, id=place.report, **more), told):
            session.add(row)
            await session.flush()
    await mighty.dispose()
    return place.report


async def test_a_route_is_made_read_listed_moved_and_deleted(team: Team):
    to = await channel(team, "checkout")
    project = (await team.project())["id"]
    sent: Json = {
        "name": "checkout",
        "matchers": {"project_id": [project], "classification": ["MAJOR"]},
        "continues": True,
        "group_by": "report",
        "group_wait": "0s",
        "repeat_every": None,
        "cosmetic": "never",
        "send_resolved": False,
        "storm_at": 2,
        "escalate_after": "90m",
        "notify": [to],
        "escalate": [to],
    }
    answer = await team.ask("ann", "POST", "alert-routes", json=sent)
    made = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"'), answer.text
    path = f"alert-routes/{made['id']}"
    assert answer.headers["location"] == f"/v1/{path}"
    nothing: Json = {
        name: [] for name in ("divergence_type", "metric_name", "cohort", "feature", "tag", "notice")
    }
    assert {name: made[name] for name in sent} == {**sent, "matchers": {**nothing, **sent["matchers"]}}
    assert (made["position"], made["is_default"], made["created_by"]) == (10, False, str(team.people["ann"]))
    assert await team.read(path) == made

    second = await team.made("alert-routes", "ann", name="second")
    assert {
        "position": 20,
        "group_wait": "30s",
        "repeat_every": "1d",
        "cosmetic": "digest",
    }.items() <= second.items()
    moved = await team.ask("ann", "PATCH", f"alert-routes/{second['id']}", match=1, json={"position": 0})
    assert (moved.status_code, moved.headers["etag"], moved.json()["position"]) == (200, '"2"', 0), moved.text
    listed = (await team.read("alert-routes"))["items"]
    assert [row["name"] for row in listed] == ["second", "checkout", "Default"]

    # Its channels are part of it: the version grows, and what is not sent stays.
    changed = await team.ask("ann", "PATCH", path, match=1, json={"notify": []})
    assert (changed.json()["notify"], changed.json()["escalate"], changed.json()["version"]) == ([], [to], 2)
    assert slug(await team.ask("ann", "PATCH", path, match=1, json={"notify": [to]}), 412) == "stale"
    assert (await team.ask("ann", "DELETE", path, match=2)).status_code == 204
    assert slug(await team.ask("ann", "GET", path), 404) == "not-found"


async def test_the_default_route_stays_and_takes_channels(team: Team):
    first = await default(team)
    path = f"alert-routes/{first['id']}"
    assert (first["name"], first["notify"], first["created_by"]) == ("Default", [], None)
    for body, told in (
        ({"matchers": {"tag": ["a"]}}, "body: the default route takes no matchers and does not continue"),
        ({"continues": True}, "body: the default route takes no matchers and does not continue"),
        ({"position": 3}, "body.position: the default route stays behind all others"),
    ):
        answer = await team.ask("ann", "PATCH", path, json=body, **ANY)
        [error] = answer.json()["errors"]
        assert (answer.status_code, f"{error['path']}: {error['message']}".startswith(told)) == (422, True)
    answer = await team.ask("ann", "DELETE", path, **ANY)
    assert slug(answer, 409) == "conflict"
    assert "`notify`" in answer.json()["detail"]
    to = await channel(team, "all")
    changed = await team.ask("ann", "PATCH", path, json={"notify": [to], "name": "Everything else"}, **ANY)
    assert (changed.json()["notify"], changed.json()["name"]) == ([to], "Everything else")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"matchers": {"project_id": [str(uuid4())]}}, "body.matchers.project_id"),
        ({"matchers": {"metric": []}}, "body.matchers.metric"),
        ({"matchers": {"metric_name": ["latency"]}}, "body.matchers.metric_name.0"),
        ({"matchers": {"tag": ["a\0b"]}}, "body.matchers.tag.0"),
        ({"notify": [str(uuid4())]}, "body.notify.0"),
        ({"escalate": [str(uuid4())]}, "body.escalate.0"),
        ({"group_wait": "2h"}, "body.group_wait"),
        ({"group_wait": 30}, "body.group_wait"),
        ({"repeat_every": "59m"}, "body.repeat_every"),
        ({"escalate_after": "59s"}, "body.escalate_after"),
        ({"storm_at": 1}, "body.storm_at"),
        ({"position": 1_000_000}, "body.position"),
        ({"name": "a\nb"}, "body.name"),
        ({"is_default": True}, "body.is_default"),
    ],
)
async def test_what_is_no_route_is_refused_with_the_field(team: Team, body: Json, path: str):
    answer = await team.ask("ann", "POST", "alert-routes", json={"name": "new", **body})
    assert slug(answer, 422) == "invalid-request"
    assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert len((await team.read("alert-routes"))["items"]) == 1


async def test_a_channel_that_is_another_organisations_or_removed_is_none(
    team: Team, changing_world: World, settings: Settings
):
    async with opened(changing_world.database, settings) as other:
        theirs = await channel(other, "theirs")
    gone = await channel(team, "gone")
    assert (await team.ask("ann", "DELETE", f"alert-channels/{gone}", **ANY)).status_code == 204
    for unknown in (theirs, gone):
        answer = await team.ask("ann", "POST", "alert-routes", json={"name": "new", "notify": [unknown]})
        assert slug(answer, 422) == "invalid-request"
        assert answer.json()["errors"] == [{"path": "body.notify.0", "message": "there is no such channel"}]


async def test_who_is_told_when_nobody_acknowledges_is_told_at_some_time(team: Team):
    to = await channel(team, "lead")
    answer = await team.ask("ann", "POST", "alert-routes", json={"name": "new", "escalate": [to]})
    assert answer.json()["errors"][0]["path"] == "body.escalate_after"
    made = await team.made("alert-routes", "ann", name="new", escalate=[to], escalate_after="1h")
    path = f"alert-routes/{made['id']}"
    assert slug(await team.ask("ann", "PATCH", path, json={"escalate_after": None}, **ANY), 422)
    assert (await team.read(path))["escalate_after"] == "1h"
    both: Json = {"escalate_after": None, "escalate": []}
    assert (await team.ask("ann", "PATCH", path, json=both, **ANY)).status_code == 200


async def test_two_changes_at_once_leave_one_of_both(team: Team):
    first, second = await channel(team, "first"), await channel(team, "second")
    made = await team.made("alert-routes", "ann", name="new")
    path = f"alert-routes/{made['id']}"
    answers = await asyncio.gather(
        *(team.ask("ann", "PATCH", path, json={"notify": [to]}, **ANY) for to in (first, second) * 3)
    )
    assert [answer.status_code for answer in answers] == [200] * 6
    left = await team.read(path)
    assert (left["notify"] in ([first], [second]), left["version"]) == (True, 7)
    answers = await asyncio.gather(
        *(team.ask("ann", "PATCH", path, match=7, json={"notify": [to]}) for to in (first, second))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_where_a_report_would_go_and_why(team: Team, changing_world: World):
    report_id = await reported(team, changing_world)
    path = f"divergence-reports/{report_id}/routing"
    found = await team.read(path)
    assert (found["outcome"], found["somebody"], found["severity"]) == ("nobody", False, "warning")
    assert "give it one in `notify`" in found["routes"][0]["why"][1]

    to, lead = await channel(team, "checkout"), await channel(team, "lead")
    await team.made(
        "alert-routes", "ann", name="others", matchers={"metric_name": ["latency_p50"]}, notify=[lead]
    )
    more = {"escalate": [lead], "escalate_after": "30m", "notify": [to]}
    await team.made("alert-routes", "ann", name="checkout", matchers={"tag": ["checkout"]}, **more)
    found = await team.read(path)
    assert (found["outcome"], found["somebody"], found["why"], found["held"]) == ("at_once", True, [], None)
    assert [(route["name"], route["matched"], route["tells"]) for route in found["routes"]] == [
        ("others", False, "nobody"),
        ("checkout", True, "at_once"),
        ("Default", False, "nobody"),
    ]
    assert found["routes"][0]["why"] == ["metric: user_adoption, not latency_p50"]
    assert [(one["name"], one["kind"], one["role"]) for one in found["routes"][1]["channels"]] == [
        ("checkout", "kafka", "notify"),
        ("lead", "kafka", "escalate"),
    ]

    ends = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    silence = await team.made(
        "alert-silences",
        "ann",
        matchers={"cohort": ["mainstream"]},
        ends_at=ends.isoformat(),
        reason="we move",
    )
    held = (await team.read(path))["held"]
    assert (held["by"], datetime.fromisoformat(held["until"]), held["why"]) == (
        silence["id"],
        ends,
        "a silence",
    )
    assert (await team.read(path))["outcome"] == "held"
    snooze = {"until": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    await team.ask("max", "POST", f"divergence-reports/{report_id}/snooze", json=snooze)
    assert (await team.read(path))["outcome"] == "snoozed"
    await team.ask("max", "POST", f"divergence-reports/{report_id}/resolve", json={"reason": "as planned"})
    assert ((await team.read(path))["outcome"], (await team.read(path))["state"]) == ("ended", "RESOLVED")


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"classification": "COSMETIC"}, "digest"),
        ({"shadow": True}, "silent"),
        ({"historical": True}, "silent"),
        ({"classification": "MAJOR"}, "at_once"),
    ],
)
async def test_what_waits_and_what_is_silent(
    team: Team, changing_world: World, more: dict[str, object], outcome: str
):
    to = await channel(team, "all")
    path = f"alert-routes/{(await default(team))['id']}"
    assert (await team.ask("ann", "PATCH", path, json={"notify": [to]}, **ANY)).status_code == 200
    report_id = await reported(team, changing_world, **more)
    found = await team.read(f"divergence-reports/{report_id}/routing")
    assert (found["outcome"], found["somebody"]) == (outcome, outcome != "silent")
    # The worker's own reading says the same of what is matched.
    worker = await asyncpg.connect(changing_world.database.worker_url)
    try:
        targets = await routing.targets(worker, team.org, [report_id, uuid4()])
    finally:
        await worker.close()
    assert list(targets) == [report_id]
    assert targets[report_id].tags == {"checkout"}
    assert targets[report_id].classification == more.get("classification", "MINOR")


async def test_the_examples_of_the_page_are_routes(team: Team):
    bodies = re.findall(r"^routed '(\{.*?\})'$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(bodies) >= 4
    project = (await team.project())["id"]
    named = iter(range(100))
    for body in bodies:
        filled = body.replace("'$PROJECT_ID'", project)
        for name in set(re.findall(r"'\$[A-Z]+'", filled)):
            filled = filled.replace(name, await channel(team, f"{name} {next(named)}"))
        answer = await team.ask(
            "ann", "POST", "alert-routes", content=filled, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 201, (filled, answer.text)


async def test_a_route_and_its_channel_are_changed_at_once(team: Team, changing_world: World):
    """Each makes the organisation due: neither waits for the other while it holds what that needs."""
    told, route = await channel(team, "Told"), await default(team)
    async with changing_world.database.superuser() as connection, connection.transaction():
        await connection.execute("SELECT FROM alert_channel WHERE id = $1 FOR NO KEY UPDATE", UUID(told))
        path, sent = f"alert-routes/{route['id']}", {"notify": [told]}
        changing = asyncio.create_task(team.ask("ann", "PATCH", path, json=sent, **ANY))
        await asyncio.sleep(0.5)
        await connection.execute(
            "UPDATE alert_channel SET disabled_at = now(), disabled_reason = 'gone' WHERE id = $1", UUID(told)
        )
    assert (await changing).status_code == 200
