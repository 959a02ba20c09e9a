"""What holds for every route: repeated POSTs are done once, no update is lost, what is known is not sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.app import application
from api.idempotency import idempotent
from api.routing import OpenRoute, RunnersRoute
from settings import Settings
from storage import answers
from storage.secrets import answer_seal
from tests.databases import SECRET
from tests.integration.teams import PROBLEM, Team, opened, slug, workspace
from tests.world import World


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def post(team: Team, key: str, body: Any, who: str = "max", path: str = "workspaces") -> httpx.Response:
    return await team.ask(who, "POST", path, json=body, headers={"Idempotency-Key": key})


async def names(team: Team) -> list[str]:
    items = (await team.read("workspaces", sort="name"))["items"]
    return [each["name"] for each in items if each["name"] != "Main"]


# routes


def calls(dependant: Dependant) -> list[Any]:
    return [dependant.call, *(call for inner in dependant.dependencies for call in calls(inner))]


def test_every_route_of_ours_reads_strictly_and_every_post_may_be_repeated():
    """A router of `api.routing` gives it; signing in has nobody yet whose key it could be."""
    seen = 0
    for route in iter_route_contexts(application().routes):
        if not str(route.path).startswith("/v1/"):
            continue
        assert isinstance(route.original_route, OpenRoute), route.path
        if "POST" in (route.methods or ()) and route.path != "/v1/sessions":
            seen += 1
            # What machines send as well is recognised by what it says (test_api_executions.py).
            repeats = isinstance(route.original_route, RunnersRoute)
            assert (idempotent in calls(route.dependant)) != repeats, route.path
    assert seen >= 6


# Idempotency-Key


async def test_a_repeated_post_is_answered_again_and_done_once(team: Team):
    body = workspace()
    first = await post(team, "once", body)
    again = await post(team, "once", body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for header in ("etag", "location", "content-type"):
        assert again.headers[header] == first.headers[header]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert await names(team) == [body["name"]]


async def test_of_ten_at_once_one_is_done_and_all_get_its_answer(team: Team):
    body = workspace()
    answers = await asyncio.gather(*(post(team, "at-once", body) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 9
    assert await names(team) == [body["name"]]


async def test_without_a_key_each_is_a_request_of_its_own(team: Team):
    project = await team.project()
    path = f"projects/{project['id']}/artifacts"
    answers = await asyncio.gather(*(team.made(path, type="PRD") for _ in range(5)))
    assert sorted(answer["version"] for answer in answers) == [1, 2, 3, 4, 5]


async def test_a_key_belongs_to_one_request_of_one_person(team: Team):
    body = workspace()
    await post(team, "mine", body)
    project = {"workspace_id": str(team.workspace), "name": "Checkout", "problem_statement": PROBLEM}
    for other in (
        await post(team, "mine", workspace()),
        await post(team, "mine", project, path="projects"),
    ):
        assert slug(other, 409) == "idempotency-conflict"
    assert await names(team) == [body["name"]]
    assert (await post(team, "mine", workspace(), who="ann")).status_code == 201


async def test_a_refused_request_leaves_its_key_free(team: Team):
    taken, body = {"name": "Main"}, workspace()
    refused = await asyncio.gather(*(post(team, "again", taken) for _ in range(3)))
    assert {slug(answer, 409) for answer in refused} == {"name-taken"}
    assert slug(await post(team, "again", {"name": "x"}), 422) == "invalid-request"
    assert slug(await post(team, "again", workspace(), who="vic"), 403) == "role-too-low"
    answer = await post(team, "again", body)
    assert (answer.status_code, answer.headers.get("idempotency-replayed")) == (201, None)


async def test_who_is_no_member_any_more_gets_no_earlier_answer(team: Team, changing_world: World):
    body = workspace()
    assert (await post(team, "left", body)).status_code == 201
    async with changing_world.database.superuser() as connection:
        await connection.execute(
            "UPDATE organization_members SET removed_at = now() WHERE user_id = $1", team.people["max"]
        )
    assert slug(await post(team, "left", body), 403) == "not-a-member"


async def test_a_key_is_forgotten_after_a_day_by_a_worker(team: Team, changing_world: World):
    old, new = workspace(), workspace()
    await post(team, "old", old)
    await post(team, "new", new)
    async with changing_world.database.superuser() as connection:
        await connection.execute(
            """UPDATE idempotency_key SET created_at = now() - interval '25 hours'
               WHERE org_id = $1 AND key = 'old'""",
            team.org,
        )
    worker = await asyncpg.connect(changing_world.database.worker_url)
    try:
        assert await answers.forget(worker) == 1
    finally:
        await worker.close()
    assert slug(await post(team, "old", old), 409) == "name-taken", "done anew"
    assert (await post(team, "new", new)).headers["idempotency-replayed"] == "true"


async def test_an_answer_is_for_who_asked_as_who_they_were(team: Team):
    """A token of one workspace is not shown what was answered to a token of all."""
    project = await team.project()
    body = {"project_id": project["id"], "name": "app", "scopes": ["publish"]}
    headers = {"Idempotency-Key": "once"}
    made = await team.ask("ann", "POST", "keys", json=body, headers=headers)
    again = await team.ask("ann", "POST", "keys", json=body, headers=headers)
    assert (made.status_code, again.json()) == (201, made.json())
    narrow = await team.ask("ann", "POST", "keys", json=body, headers=headers, workspace=team.workspace)
    assert slug(narrow, 409) == "idempotency-conflict"
    await team.ask("ann", "PATCH", f"members/{team.people['max']}", match=1, json={"role_in_org": "ADMIN"})
    made = await team.ask("max", "POST", "keys", json=body, headers=headers)
    assert made.status_code == 201
    await team.ask("ann", "PATCH", f"members/{team.people['max']}", match=2, json={"role_in_org": "VIEWER"})
    demoted = await team.ask("max", "POST", "keys", json=body, headers=headers)
    assert slug(demoted, 409) == "idempotency-conflict"


async def test_a_secret_shown_once_is_shown_again_to_who_repeats_and_kept_sealed(
    team: Team, changing_world: World
):
    project = await team.project()
    body = {"project_id": project["id"], "name": "worker", "scopes": ["publish"]}
    first = await post(team, "key", body, who="ann", path="keys")
    again = await post(team, "key", body, who="ann", path="keys")
    assert first.status_code == 201, first.text
    assert "agk_" in first.text
    assert again.content == first.content
    async with changing_world.database.superuser() as connection:
        query = "SELECT sealed FROM idempotency_key WHERE org_id = $1 AND key = 'key'"
        sealed = await connection.fetchval(query, team.org)
    assert b"agk_" not in sealed
    assert json.loads(answer_seal(SECRET).decrypt(sealed))["body"]


async def test_an_answer_that_cannot_be_opened_is_no_failure_of_ours(team: Team, changing_world: World):
    body = workspace()
    await post(team, "sealed", body)
    async with changing_world.database.superuser() as connection:
        await connection.execute(
            "UPDATE idempotency_key SET sealed = $2 WHERE org_id = $1",
            team.org,
            answer_seal(SECRET + "?").encrypt(b"{}"),
        )
    assert slug(await post(team, "sealed", body), 409) == "idempotency-conflict"


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "k\u00e4y".encode().decode("latin-1"), "a\tb"])
async def test_what_is_no_key_is_refused(team: Team, key: str):
    answer = await team.ask(
        "max", "POST", "workspaces", json=workspace(), headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert slug(answer, 422) == "invalid-request"
    assert answer.json()["errors"][0]["path"] == "header.Idempotency-Key"
    assert (await post(team, "x" * 200, workspace())).status_code == 201
    assert len(await names(team)) == 1


# If-Match, If-None-Match


async def rename(team: Team, match: str | None) -> httpx.Response:
    headers = {} if match is None else {"If-Match": match}
    return await team.ask("max", "PATCH", f"workspaces/{team.workspace}", json=workspace(), headers=headers)


async def test_of_ten_changes_of_one_version_one_is_made(team: Team):
    answers = await asyncio.gather(*(rename(team, '"1"') for _ in range(10)))
    [made] = [answer for answer in answers if answer.status_code == 200]
    assert made.headers["etag"] == '"2"'
    for answer in answers:
        if answer is not made:
            assert slug(answer, 412) == "stale"
            assert answer.headers["etag"] == '"2"'
    current = await team.read(f"workspaces/{team.workspace}")
    assert (current["name"], current["version"]) == (made.json()["name"], 2)


async def test_a_change_says_which_version_it_means(team: Team):
    assert slug(await rename(team, None), 428) == "if-match-required"
    assert slug(await rename(team, 'W/"1"'), 412) == "stale"
    assert slug(await rename(team, '"01"'), 412) == "stale"
    assert slug(await rename(team, "1"), 422) == "invalid-request"
    assert (await team.read(f"workspaces/{team.workspace}"))["version"] == 1
    for match, version in (('"1"', 2), ("*", 3), ('"7", "3"', 4), ('W/"4", "4"', 5)):
        answer = await rename(team, match)
        assert (answer.status_code, answer.headers["etag"]) == (200, f'"{version}"'), match
    nowhere = await team.ask("max", "PATCH", f"workspaces/{uuid4()}", json=workspace(), match=1)
    assert slug(nowhere, 404) == "not-found"
    refused = await team.ask("vic", "PATCH", f"workspaces/{team.workspace}", json=workspace(), match=5)
    assert slug(refused, 403) == "role-too-low"


async def test_what_is_known_is_not_sent_again(team: Team):
    async def read(known: str) -> httpx.Response:
        path = f"workspaces/{team.workspace}"
        return await team.ask("vic", "GET", path, headers={"If-None-Match": known})

    for known in ('"1"', 'W/"1"', '"9", "1"', "*"):
        answer = await read(known)
        assert (answer.status_code, answer.content) == (304, b""), known
        assert answer.headers["etag"] == '"1"'
        assert answer.headers["x-request-id"]
        assert answer.headers["ratelimit"]
    assert (await read('"2"')).status_code == 200
    await rename(team, "*")
    assert (await read('"1"')).status_code == 200
    assert (await read('"2"')).status_code == 304
