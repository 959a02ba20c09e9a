"""Artifact versions, their tags and what they rest on, over HTTP on real PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from settings import Settings
from tests.integration.teams import Team, approve, drafted, opened, slug
from tests.world import World

ASSUMPTION = {"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60, "unit": "%"}


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


@pytest.fixture
async def other(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as other:
        yield other


# artifacts


async def test_versions_are_numbered_by_type_and_key(team: Team):
    project = await team.project()
    content = {"title": "One page"}
    answer = await team.ask(
        "max",
        "POST",
        f"projects/{project['id']}/artifacts",
        json={"type": "PRD", "key": "checkout", "content": content, "evidence_tier": "E2"},
    )
    first = answer.json()
    assert answer.headers["location"] == f"/v1/artifacts/{first['id']}"
    assert (first["version"], first["status"], first["content"]) == (1, "DRAFT", content)
    assert answer.headers["etag"] == f'"{first["revision"]}"'
    named = {"key": "checkout"}
    assert (await drafted(team, project, **named))["version"] == 2
    assert (await drafted(team, project, **named, type="GTM"))["version"] == 1
    assert (await drafted(team, project, key="other"))["version"] == 1
    third = await drafted(team, project, **named)
    assert (third["version"], third["content"], third["evidence_tier"]) == (3, None, "E0")


async def test_latest_gives_the_highest_version_of_each_type_and_key(team: Team):
    project = await team.project()
    for kind, key, count in (("PRD", "a", 3), ("PRD", "b", 1), ("GTM", "a", 2)):
        for _ in range(count):
            await drafted(team, project, type=kind, key=key)

    async def latest(**filters: Any) -> list[tuple[str, str, int]]:
        path = f"projects/{project['id']}/artifacts"
        items = (await team.read(path, latest=True, sort="type", **filters))["items"]
        return [(each["type"], each["key"], each["version"]) for each in items]

    assert await latest() == [("GTM", "a", 2), ("PRD", "a", 3), ("PRD", "b", 1)]
    assert await latest(type="PRD") == [("PRD", "a", 3), ("PRD", "b", 1)]
    assert await latest(type="PRD", key="a") == [("PRD", "a", 3)]
    assert await latest(status="APPROVED") == []


async def test_a_version_goes_from_draft_to_deployed_step_by_step(team: Team):
    project = await team.project()
    draft = await drafted(team, project, content={"assumptions": [ASSUMPTION]}, evidence_tier="E2")
    path = f"artifacts/{draft['id']}"

    async def step(who: str, status: str) -> httpx.Response:
        current = (await team.ask("vic", "GET", path)).headers["etag"]
        return await team.ask(who, "PATCH", path, headers={"If-Match": current}, json={"status": status})

    assert (await step("max", "DRAFT")).json() == draft, "no step is none"
    for status in ("APPROVED", "DEPLOYED"):
        assert slug(await step("max", status), 409) == "status-step", status
    assert (await step("max", "REVIEW")).json()["submitted_by"] == str(team.people["max"])
    assert (await step("max", "DRAFT")).json()["submitted_by"] is None
    await step("max", "REVIEW")
    assert slug(await step("max", "DEPLOYED"), 409) == "status-step"
    approved = (await step("ann", "APPROVED")).json()
    assert (approved["status"], approved["approved_by"]) == ("APPROVED", str(team.people["ann"]))
    assert approved["approved_at"] is not None
    for status in ("DRAFT", "REVIEW"):
        assert slug(await step("max", status), 409) == "status-step", status
    deployed = (await step("max", "DEPLOYED")).json()
    assert (deployed["deployed_by"], deployed["approved_by"]) == (
        str(team.people["max"]),
        str(team.people["ann"]),
    )
    assert slug(await step("max", "APPROVED"), 409) == "status-step"


async def test_approval_puts_assumptions_under_watch_and_ends_older_ones(team: Team):
    project = await team.project()
    path = f"projects/{project['id']}/assumptions"
    first = await drafted(team, project, content={"assumptions": [ASSUMPTION]}, evidence_tier="E2")
    assert (await team.read(path))["items"] == []
    assert (await approve(team, first)).status_code == 200
    [watched] = (await team.read(path))["items"]
    assert (watched["key"], watched["value"], watched["evidence_tier"]) == ("adoption", 60.0, "E2")
    assert watched["artifact_id"] == first["id"]
    assert await team.read(f"assumptions/{watched['id']}") == watched
    second = await drafted(team, project, content={"assumptions": [{**ASSUMPTION, "value": 70}]})
    assert (await approve(team, second)).status_code == 200
    [current] = (await team.read(path, is_superseded=False))["items"]
    [past] = (await team.read(path, is_superseded=True))["items"]
    assert (current["value"], past["value"]) == (70.0, 60.0)
    assert (await team.read(path, artifact_id=first["id"]))["items"] == [past]
    assert (await team.read(path, metric_name="retention"))["items"] == []
    missing = await team.ask("vic", "GET", f"assumptions/{uuid4()}")
    assert slug(missing, 404) == "not-found"


async def test_what_cannot_be_watched_is_not_approved(team: Team):
    project = await team.project()
    bad = await drafted(team, project, content={"assumptions": [{**ASSUMPTION, "metric_name": "speed"}]})
    answer = await approve(team, bad)
    assert slug(answer, 409) == "conflict"
    assert [fault["path"] for fault in answer.json()["errors"]] == ["content.assumptions[0].metric_name"]
    assert (await team.read(f"artifacts/{bad['id']}"))["status"] == "REVIEW"


async def test_what_contradicts_another_artifact_is_not_approved(team: Team):
    project = await team.project()
    first = await drafted(team, project, content={"assumptions": [ASSUMPTION]})
    assert (await approve(team, first)).status_code == 200
    low = {**ASSUMPTION, "key": "low", "operator": "<=", "value": 50}
    second = await drafted(team, project, key="other", content={"assumptions": [low]})
    answer = await approve(team, second)
    assert slug(answer, 409) == "conflict"
    assert answer.json()["errors"] == [
        {
            "path": "content.assumptions[0].value",
            "message": f"<= 50 contradicts 'adoption' of PRD {first['key']!r} version 1 (>= 60)"
            " on the same series",
        }
    ]
    assert (await team.read(f"artifacts/{second['id']}"))["status"] == "REVIEW"
    newer = await drafted(team, project, content={"assumptions": [{**ASSUMPTION, "value": 40}]})
    assert (await approve(team, newer)).status_code == 200
    assert (await approve(team, second)).status_code == 200


async def test_an_older_version_is_not_approved_after_a_newer_one(team: Team):
    project = await team.project()
    old, new = [await drafted(team, project) for _ in range(2)]
    assert (await approve(team, new)).status_code == 200
    assert slug(await approve(team, old), 409) == "conflict"


async def test_what_is_approved_does_not_change(team: Team):
    project = await team.project()
    draft = await drafted(team, project, content={"title": "a"})
    path = f"artifacts/{draft['id']}"
    for change in ({"content": {"title": "b"}}, {"content": None}, {"evidence_tier": "E3"}):
        changed = await team.ask("max", "PATCH", path, headers={"If-Match": "*"}, json=change)
        assert changed.status_code == 200
        assert changed.json() | change == changed.json()
    assert (await approve(team, draft)).status_code == 200
    for change in ({"content": {"title": "c"}}, {"evidence_tier": "E4"}):
        answer = await team.ask("max", "PATCH", path, headers={"If-Match": "*"}, json=change)
        assert slug(answer, 409) == "frozen"


async def test_what_may_not_be_said_of_a_version_is_refused(team: Team):
    project = await team.project()
    path = f"projects/{project['id']}/artifacts"
    for body, where in (
        ({}, "body.type"),
        ({"type": "POEM"}, "body.type"),
        ({"type": "PRD", "key": "x" * 101}, "body.key"),
        ({"type": "PRD", "content": "text"}, "body.content"),
        ({"type": "PRD", "content": {"a": "\0"}}, "body.content.a"),
        ({"type": "PRD", "evidence_tier": "E5"}, "body.evidence_tier"),
        ({"type": "PRD", "version": 7}, "body.version"),
        ({"type": "PRD", "status": "APPROVED"}, "body.status"),
        ({"type": "PRD", "depends_on": [str(uuid4())]}, "body.depends_on.0"),
    ):
        answer = await team.ask("max", "POST", path, json=body)
        assert slug(answer, 422) == "invalid-request", body
        assert [error["path"] for error in answer.json()["errors"]] == [where]
    draft = await drafted(team, project)
    both = {"status": "REVIEW", "content": {}}
    answer = await team.ask("max", "PATCH", f"artifacts/{draft['id']}", match=1, json=both)
    assert slug(answer, 422) == "invalid-request"


# tags and lineage


async def test_tags_are_put_on_found_by_and_taken_off(team: Team):
    project = await team.project()
    draft = await drafted(team, project)
    await drafted(team, project, key="another")
    path = f"artifacts/{draft['id']}/tags"
    odd = "v2 fix/ä?"
    answer = await team.ask("max", "POST", path, json={"tag_name": odd})
    assert answer.status_code == 201
    location = answer.headers["location"]
    assert slug(await team.ask("max", "POST", path, json={"tag_name": odd}), 409) == "conflict"
    whole = await team.read(f"artifacts/{draft['id']}")
    assert whole["tags"] == [odd]
    assert whole["revision"] > draft["revision"], "what is shown has changed"
    found = (await team.read(f"projects/{project['id']}/artifacts", tag=odd))["items"]
    assert [each["id"] for each in found] == [draft["id"]]
    assert (await team.ask("max", "DELETE", location.removeprefix("/v1/"))).status_code == 204
    assert slug(await team.ask("max", "DELETE", location.removeprefix("/v1/")), 404) == "not-found"
    assert (await team.read(f"artifacts/{draft['id']}"))["tags"] == []
    for name in ("", "x" * 101):
        assert slug(await team.ask("max", "POST", path, json={"tag_name": name}), 422) == "invalid-request"
    approved = await drafted(team, project, key="approved")
    await approve(team, approved)
    await team.made(f"artifacts/{approved['id']}/tags", tag_name="vrc_gate_passed")


async def test_a_version_rests_on_others_of_its_project_and_never_on_itself(team: Team, other: Team):
    project, elsewhere = await team.project(), await team.project()
    prd = await drafted(team, project)
    design = await drafted(team, project, type="WIREFRAME", depends_on=[prd["id"], prd["id"]])
    assert design["depends_on"] == [prd["id"]]
    code = await drafted(team, project, type="CODE_BACKEND")
    path = f"artifacts/{code['id']}/dependencies"
    answer = await team.ask("max", "POST", path, json={"depends_on_id": design["id"]})
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/artifacts/{code['id']}")
    assert (await team.read(f"artifacts/{code['id']}"))["depends_on"] == [design["id"]]
    again = await team.ask("max", "POST", path, json={"depends_on_id": design["id"]})
    assert slug(again, 409) == "conflict"
    for artifact, rests_on in ((prd, code), (code, code)):
        body = {"depends_on_id": rests_on["id"]}
        circle = await team.ask("max", "POST", f"artifacts/{artifact['id']}/dependencies", json=body)
        assert slug(circle, 409) == "circle"
    foreign = await drafted(other, await other.project())
    told = []
    for stray in (foreign["id"], (await drafted(team, elsewhere))["id"], str(uuid4())):
        answer = await team.ask("max", "POST", path, json={"depends_on_id": stray})
        assert slug(answer, 422) == "invalid-request"
        told.append(answer.json()["errors"])
    assert (
        told == [[{"path": "body.depends_on_id", "message": "there is no such artifact in this project"}]] * 3
    )
