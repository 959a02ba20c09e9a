"""Workspaces, projects and roles in them, over HTTP; and what other organisations are told of it all."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from settings import Settings
from tests.integration.teams import PROBLEM, Team, approve, drafted, opened, slug
from tests.world import World

UUIDS = re.compile(r"[0-9a-f-]{36}")
ASSUMPTION = {"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60, "unit": "%"}


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


@pytest.fixture
async def other(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as other:
        yield other


# workspaces


async def test_a_workspace_is_made_read_listed_and_changed(team: Team):
    answer = await team.ask("max", "POST", "workspaces", json={"name": "Payments", "description": "Money"})
    made = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert answer.headers["location"] == f"/v1/workspaces/{made['id']}"
    assert (made["name"], made["created_by"]) == ("Payments", str(team.people["max"]))
    assert await team.read(f"workspaces/{made['id']}") == made
    assert [each["name"] for each in (await team.read("workspaces", sort="name"))["items"]] == [
        "Main",
        "Payments",
    ]
    changed = await team.ask("max", "PATCH", f"workspaces/{made['id']}", match=1, json={"name": "Pay"})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (changed.json()["name"], changed.json()["description"]) == ("Pay", "Money")


async def test_a_workspaces_name_is_the_organisations_only_one(team: Team, other: Team):
    made = await team.made("workspaces", name="Payments")
    again = await team.ask("max", "POST", "workspaces", json={"name": "Payments"})
    assert slug(again, 409) == "name-taken"
    renamed = await team.ask(
        "max", "PATCH", f"workspaces/{team.workspace}", match=1, json={"name": "Payments"}
    )
    assert slug(renamed, 409) == "name-taken"
    assert (await other.made("workspaces", name="Payments"))["id"] != made["id"]


async def test_a_viewer_makes_and_changes_nothing(team: Team):
    project = await team.project()
    artifact = await team.made(f"projects/{project['id']}/artifacts", type="PRD")
    new_project = {"workspace_id": str(team.workspace), "name": "Mine", "problem_statement": PROBLEM}
    role = {"role": "EDITOR"}
    for method, path, body in (
        ("POST", "workspaces", {"name": "Mine"}),
        ("PATCH", f"workspaces/{team.workspace}", {"name": "Mine"}),
        ("POST", "projects", new_project),
        ("PATCH", f"projects/{project['id']}", {"name": "Mine"}),
        ("DELETE", f"projects/{project['id']}", None),
        ("PUT", f"projects/{project['id']}/access/{team.people['vic']}", role),
        ("POST", f"projects/{project['id']}/artifacts", {"type": "PRD"}),
        ("PATCH", f"artifacts/{artifact['id']}", {"evidence_tier": "E4"}),
        ("PATCH", f"artifacts/{artifact['id']}", {"status": "REVIEW"}),
        ("POST", f"artifacts/{artifact['id']}/tags", {"tag_name": "mine"}),
        ("DELETE", f"artifacts/{artifact['id']}/tags/mine", None),
        ("POST", f"artifacts/{artifact['id']}/dependencies", {"depends_on_id": str(uuid4())}),
    ):
        version: dict[str, Any] = {} if method in {"POST", "PUT"} else {"match": 1}
        answer = await team.ask("vic", method, path, json=body, **version)
        assert slug(answer, 403) == "role-too-low", path
    unchanged = await team.read(f"artifacts/{artifact['id']}")
    assert unchanged == artifact
    assert (await team.read(f"projects/{project['id']}"))["version"] == 1


# projects


async def test_a_project_is_made_changed_and_archived(team: Team):
    answer = await team.ask(
        "max",
        "POST",
        "projects",
        json={"workspace_id": str(team.workspace), "name": "Checkout", "problem_statement": PROBLEM},
    )
    made = answer.json()
    assert answer.headers["location"] == f"/v1/projects/{made['id']}"
    assert (made["phase"], made["status"], made["is_archived"]) == ("DISCOVER", "IN_PROGRESS", False)
    path = f"projects/{made['id']}"
    changed = await team.ask("ann", "PATCH", path, match=1, json={"description": "One page"})
    assert changed.json()["description"] == "One page"
    assert changed.json()["last_updated_by"] == str(team.people["ann"])
    archived = await team.ask("max", "DELETE", path, match=2)
    assert (archived.status_code, archived.content) == (204, b"")
    assert (await team.read("projects"))["items"] == []
    kept = (await team.read("projects", is_archived=True))["items"]
    assert [(each["id"], each["version"]) for each in kept] == [(made["id"], 3)]
    back = await team.ask("max", "PATCH", path, match=3, json={"is_archived": False})
    assert back.json()["is_archived"] is False


async def test_names_of_projects_are_their_workspaces_only_ones_unless_archived(team: Team):
    first = await team.project(name="Checkout")
    taken = {"workspace_id": str(team.workspace), "name": "Checkout", "problem_statement": PROBLEM}
    assert slug(await team.ask("max", "POST", "projects", json=taken), 409) == "name-taken"
    await team.ask("max", "DELETE", f"projects/{first['id']}", match=1)
    await team.project(name="Checkout")
    back = await team.ask("max", "PATCH", f"projects/{first['id']}", match=2, json={"is_archived": False})
    assert slug(back, 409) == "name-taken"
    elsewhere = await team.made("workspaces", name="Elsewhere")
    await team.project(name="Checkout", workspace_id=elsewhere["id"])


async def test_the_tier_limits_projects_and_archived_ones_do_not_count(
    changing_world: World, settings: Settings
):
    async with opened(changing_world.database, settings, tier="BASIC") as team:
        projects = [await team.project() for _ in range(3)]
        body = {"workspace_id": str(team.workspace), "name": "Fourth", "problem_statement": PROBLEM}
        assert slug(await team.ask("max", "POST", "projects", json=body), 409) == "project-limit"
        first = f"projects/{projects[0]['id']}"
        assert (await team.ask("max", "DELETE", first, match=1)).status_code == 204
        await team.project(name="Fourth")
        back = await team.ask("max", "PATCH", first, match=2, json={"is_archived": False})
        assert slug(back, 409) == "project-limit"


async def test_a_project_moves_to_another_workspace_of_its_own_organisation(team: Team, other: Team):
    project = await team.project()
    elsewhere = await team.made("workspaces", name="Elsewhere")
    path = f"projects/{project['id']}"
    told = []
    for foreign in (str(other.workspace), str(uuid4())):
        for answer in (
            await team.ask("max", "PATCH", path, match=1, json={"workspace_id": foreign}),
            await team.ask(
                "max",
                "POST",
                "projects",
                json={"workspace_id": foreign, "name": "Stray", "problem_statement": PROBLEM},
            ),
        ):
            assert slug(answer, 422) == "invalid-request"
            told.append(answer.json()["errors"])
    assert told == [[{"path": "body.workspace_id", "message": "there is no such workspace"}]] * 4
    moved = await team.ask("max", "PATCH", path, match=1, json={"workspace_id": elsewhere["id"]})
    assert moved.json()["workspace_id"] == elsewhere["id"]


async def test_a_token_of_one_workspace_stays_in_it(team: Team):
    elsewhere = await team.made("workspaces", name="Elsewhere")
    body = {"name": "Stray", "problem_statement": PROBLEM}
    for workspace, status in ((team.workspace, 201), (elsewhere["id"], 422)):
        answer = await team.ask(
            "max",
            "POST",
            "projects",
            workspace=team.workspace,
            json={**body, "workspace_id": str(workspace)},
        )
        assert answer.status_code == status, answer.text


async def test_what_may_not_be_said_of_a_project_is_refused(team: Team):
    good = {"workspace_id": str(team.workspace), "name": "Good", "problem_statement": PROBLEM}
    for change, path in (
        ({"name": "ab"}, "body.name"),
        ({"name": "x" * 101}, "body.name"),
        ({"problem_statement": "too short"}, "body.problem_statement"),
        ({"problem_statement": "x" * 5001}, "body.problem_statement"),
        ({"workspace_id": "mine"}, "body.workspace_id"),
        ({"name": None}, "body.name"),
        ({"description": "a\0b"}, "body.description"),
        ({"phase": "LAUNCH"}, "body.phase"),
        ({"org_id": str(uuid4())}, "body.org_id"),
    ):
        answer = await team.ask("max", "POST", "projects", json={**good, **change})
        assert slug(answer, 422) == "invalid-request"
        assert [error["path"] for error in answer.json()["errors"]] == [path]
    project = await team.project(name="abc", problem_statement="x" * 5000, description="", phase="DEPLOY")
    assert project["phase"] == "DEPLOY"
    for change, path in (
        ({}, "body"),
        ({"name": None}, "body.name"),
        ({"is_archived": "maybe"}, "body.is_archived"),
        ({"created_by": str(team.people["max"])}, "body.created_by"),
    ):
        answer = await team.ask("max", "PATCH", f"projects/{project['id']}", match=1, json=change)
        assert slug(answer, 422) == "invalid-request"
        assert [error["path"] for error in answer.json()["errors"]] == [path]


# roles in a project


async def test_a_role_in_a_project_replaces_the_one_in_the_organisation(team: Team):
    project = await team.project()
    access = f"projects/{project['id']}/access"
    path = f"{access}/{team.people['vic']}"
    given = await team.ask("ann", "PUT", path, json={"role": "EDITOR"})
    assert (given.status_code, given.headers["etag"]) == (201, '"1"')
    assert given.headers["location"] == f"/v1/{path}"
    await team.made(f"projects/{project['id']}/artifacts", who="vic", type="PRD")
    given = await team.ask("ann", "PUT", path, json={"role": "COMMENTER"})
    assert (given.status_code, given.headers["etag"]) == (200, '"2"')
    refused = await team.ask("vic", "POST", f"projects/{project['id']}/artifacts", json={"type": "PRD"})
    assert slug(refused, 403) == "role-too-low"
    assert (await team.read(path))["role"] == "COMMENTER"
    assert [each["user_id"] for each in (await team.read(access))["items"]] == [str(team.people["vic"])]
    stale = await team.ask("ann", "PUT", path, match=1, json={"role": "VIEWER"})
    assert slug(stale, 412) == "stale"
    assert (await team.ask("ann", "DELETE", path, match=2)).status_code == 204
    assert (await team.read(access))["items"] == []
    assert slug(await team.ask("ann", "DELETE", path, match=2), 404) == "not-found"


async def test_roles_are_for_members_and_given_by_an_admin(team: Team, other: Team):
    project = await team.project()
    for user in (other.people["max"], uuid4()):
        path = f"projects/{project['id']}/access/{user}"
        assert slug(await team.ask("ann", "PUT", path, json={"role": "EDITOR"}), 404) == "not-found"
    path = f"projects/{project['id']}/access/{team.people['vic']}"
    assert slug(await team.ask("max", "PUT", path, json={"role": "EDITOR"}), 403) == "role-too-low"
    assert (await team.ask("ann", "PUT", path, json={"role": "EDITOR"})).status_code == 201
    assert slug(await team.ask("max", "DELETE", path, match=1), 403) == "role-too-low"
    foreign = await team.ask(
        "ann", "PUT", f"projects/{uuid4()}/access/{team.people['vic']}", json={"role": "EDITOR"}
    )
    assert slug(foreign, 404) == "not-found"


# nobody else's


async def test_every_route_tells_another_organisation_that_there_is_no_such_thing(team: Team, other: Team):
    project = await team.project()
    draft = await drafted(team, project, content={"assumptions": [ASSUMPTION]})
    await team.made(f"artifacts/{draft['id']}/tags", tag_name="ours")
    await approve(team, draft)
    [assumption] = (await team.read(f"projects/{project['id']}/assumptions"))["items"]
    vic = other.people["vic"]
    for method, path, body in (
        ("GET", f"workspaces/{team.workspace}", None),
        ("PATCH", f"workspaces/{team.workspace}", {"name": "Theirs"}),
        ("GET", f"projects/{project['id']}", None),
        ("PATCH", f"projects/{project['id']}", {"name": "Theirs"}),
        ("DELETE", f"projects/{project['id']}", None),
        ("GET", f"projects/{project['id']}/access", None),
        ("PUT", f"projects/{project['id']}/access/{vic}", {"role": "EDITOR"}),
        ("DELETE", f"projects/{project['id']}/access/{vic}", None),
        ("GET", f"projects/{project['id']}/artifacts", None),
        ("POST", f"projects/{project['id']}/artifacts", {"type": "PRD"}),
        ("GET", f"artifacts/{draft['id']}", None),
        ("PATCH", f"artifacts/{draft['id']}", {"evidence_tier": "E4"}),
        ("PATCH", f"artifacts/{draft['id']}", {"status": "DEPLOYED"}),
        ("POST", f"artifacts/{draft['id']}/tags", {"tag_name": "theirs"}),
        ("DELETE", f"artifacts/{draft['id']}/tags/ours", None),
        ("POST", f"artifacts/{draft['id']}/dependencies", {"depends_on_id": str(uuid4())}),
        ("GET", f"projects/{project['id']}/assumptions", None),
        ("GET", f"assumptions/{assumption['id']}", None),
    ):
        answer = await other.ask("ann", method, path, json=body, headers={"If-Match": "*"})
        assert slug(answer, 404) == "not-found", (method, path)
        nowhere = answer.json()["detail"]
        there_is_none = UUIDS.sub(lambda _: str(uuid4()), path)
        answer = await other.ask("ann", method, there_is_none, json=body, headers={"If-Match": "*"})
        assert answer.json()["detail"] == nowhere, (method, path)
