"""What holds for every route: repeated POSTs, lost updates, bodies, rates, sorting and pages."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from jsonschema import Draft202012Validator

from api.app import application, create_app
from api.bodies import MAX_BYTES
from api.idempotency import idempotent
from api.openapi import document
from api.rates import STRANGERS
from api.routing import OpenRoute
from settings import Settings
from storage import answers
from storage.secrets import answer_seal
from tests.databases import SECRET
from tests.integration.conftest import open_client
from tests.integration.teams import PROBLEM, Team, founded, slug
from tests.world import World


@pytest.fixture
def app(changing_world: World, settings: Settings) -> FastAPI:
    return create_app(changing_world.database.settings(settings.home))


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(app) as client:
        yield client


@pytest.fixture
async def team(http: httpx.AsyncClient, changing_world: World, settings: Settings) -> Team:
    return await founded(http, settings, changing_world.database)


def workspace() -> dict[str, str]:
    return {"name": f"Team {uuid4()}"}


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
            assert idempotent in calls(route.dependant), route.path
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


# bodies


async def send(team: Team, content: Any, kind: str | None = "application/json", **headers: str) -> Any:
    given = {} if kind is None else {"Content-Type": kind}
    return await team.ask("max", "POST", "workspaces", content=content, headers={**given, **headers})


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


async def test_a_body_has_a_limit_whether_it_says_its_length_or_not(team: Team):
    for size, status in ((MAX_BYTES, 201), (MAX_BYTES + 1, 413)):
        whole = json.dumps(workspace()).encode().ljust(size)
        for content in (whole, in_chunks(json.dumps(workspace()).encode().ljust(size))):
            answer = await send(team, content)
            assert answer.status_code == status, answer.text
            if status == 413:
                assert slug(answer, 413) == "too-large"
                assert answer.headers["ratelimit"]
    lying = await send(team, b"{}", **{"Content-Length": str(10**12)})
    assert slug(lying, 413) == "too-large"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ("application/json; charset=latin-1", 415),
        ("application/merge-patch+json", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
        (None, 415),
    ],
)
async def test_only_json_is_understood(team: Team, kind: str | None, status: int):
    answer = await send(team, json.dumps(workspace()).encode(), kind)
    assert answer.status_code == status
    if status == 415:
        assert slug(answer, 415) == "unsupported-media-type"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"null", "body"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"1", "body"),
        (b'{"name": NaN}', "body"),
        (b'{"name": "\xff\xfe\xfd"}', "body"),
        (b'{"name": "\\ud800abc"}', "body"),
        (b'{"name": "ab\\u0000c"}', "body.name"),
        (b'{"name": "abc", "x": 1e400}', "body.x"),
        (b'{"name": "abc", "x": 1}', "body.x"),
        (b'{"name": 1}', "body.name"),
        (b"[" * 500_000, "body"),
        (b'{"name":' * 100_000, "body"),
        (b'{"name": 1' + b"0" * 10_000 + b"}", "body"),
    ],
)
async def test_what_is_no_body_of_ours_is_422_and_says_where(team: Team, body: bytes, path: str):
    answer = await send(team, body)
    assert slug(answer, 422) == "invalid-request"
    assert [error["path"] for error in answer.json()["errors"]] == [path]


async def test_of_duplicate_keys_the_last_wins(team: Team):
    answer = await send(team, b'{"name": "First", "name": "Last"}')
    assert (answer.status_code, answer.json()["name"]) == (201, "Last")


async def test_a_stranger_is_told_of_the_token_first(http: httpx.AsyncClient):
    answer = await http.post("/v1/workspaces", content=b"{", headers={"Accept": "text/html"})
    assert slug(answer, 401) == "no-token"


# rates


async def test_who_asks_too_much_waits_and_nobody_else_does(
    changing_world: World, settings: Settings, team: Team
):
    limited = changing_world.database.settings(settings.home).model_copy(update={"rate_limit": "3/minute"})
    async with open_client(create_app(limited)) as http:
        theirs = Team(http, settings, team.org, team.workspace, team.people)
        answers = [await theirs.ask("max", "GET", "me") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == [
            "r=2",
            "r=1",
            "r=0",
            "r=0",
        ]
        last = answers[-1]
        assert slug(last, 429) == "too-many-requests"
        assert 1 <= int(last.headers["retry-after"]) <= 60
        assert last.headers["ratelimit-policy"] == '"caller";q=3;w=60'
        assert (await theirs.ask("max", "POST", "workspaces", json=workspace())).status_code == 429
        assert (await theirs.ask("ann", "GET", "me")).status_code == 200


async def test_strangers_are_counted_by_their_address_and_callers_are_not(
    http: httpx.AsyncClient, team: Team
):
    most = int(STRANGERS.partition("/")[0])
    headers = {"Authorization": "Bearer x"}
    answers = [(await http.get("/v1/me", headers=headers)).status_code for _ in range(most + 1)]
    assert answers == [401] * most + [429]
    refused = await http.get("/v1/me")
    assert slug(refused, 429) == "too-many-requests"
    assert (await team.ask("vic", "GET", "me")).status_code == 200
    assert (await http.get("/livez")).status_code == 200


async def test_every_answer_says_how_much_is_left(http: httpx.AsyncClient, team: Team):
    for answer in (
        await team.ask("vic", "GET", "me"),
        await team.ask("vic", "GET", "projects", params={"limit": 0}),
        await team.ask("vic", "GET", f"projects/{uuid4()}"),
        await team.ask("vic", "PUT", "projects"),
        await team.ask("vic", "GET", "nothing"),
        await team.ask("vic", "GET", "me", headers={"Accept": "text/html"}),
        await http.get("/v1/me"),
        await http.post("/v1/sessions", json={}),
    ):
        assert answer.headers["ratelimit-policy"], answer.status_code
        assert answer.headers["ratelimit"]
    for answer in (await http.get("/livez"), await http.get("/nothing")):
        assert "ratelimit" not in answer.headers


# sorting and pages


async def ids(team: Team, path: str, **filters: Any) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await team.read(path, **filters, **cursor)
        found += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_a_list_is_sorted_as_asked_both_ways_and_in_pages(team: Team):
    made = [await team.project(name=name) for name in ("Beta", "Älpha", "alpha", "Gamma")]
    await team.ask("max", "PATCH", f"projects/{made[0]['id']}", match=1, json={"description": "later"})
    by = {each["name"]: each["id"] for each in made}
    whole = {
        "created_at": [each["id"] for each in made],
        "updated_at": [each["id"] for each in (*made[1:], made[0])],
    }
    for sort, expected in whole.items():
        for limit in (1, 3, 200):
            assert await ids(team, "projects", sort=sort, limit=limit) == expected
            assert await ids(team, "projects", sort=f"-{sort}", limit=limit) == expected[::-1]
    named = await ids(team, "projects", sort="name")
    assert await ids(team, "projects", sort="name", limit=1) == named
    assert await ids(team, "projects", sort="-name", limit=2) == named[::-1]
    assert named.index(by["Beta"]) < named.index(by["Gamma"])
    assert await ids(team, "projects") == whole["created_at"][::-1], "newest first by default"


async def test_since_is_inclusive(team: Team):
    made = [await team.project() for _ in range(3)]
    found = await ids(team, "projects", since=made[1]["created_at"], sort="created_at")
    assert found == [each["id"] for each in made[1:]]


async def test_a_cursor_belongs_to_one_list_in_one_order(team: Team):
    for _ in range(2):
        await team.project()
        await team.made("workspaces", **workspace())
    cursor = (await team.read("projects", limit=1, sort="created_at"))["next_cursor"]
    assert (await team.read("projects", sort="created_at", cursor=cursor))["items"]
    for path, sort in (
        ("projects", "-created_at"),
        ("projects", "updated_at"),
        ("projects", "name"),
        ("workspaces", "created_at"),
    ):
        answer = await team.ask("vic", "GET", path, params={"sort": sort, "cursor": cursor})
        assert slug(answer, 422) == "invalid-request"
        assert [error["path"] for error in answer.json()["errors"]] == ["query.cursor"]


async def test_what_a_list_cannot_be_sorted_by_is_refused(team: Team):
    for sort in ("", "-", "org_id", "--name", "name,created_at", "NAME"):
        answer = await team.ask("vic", "GET", "projects", params={"sort": sort})
        assert slug(answer, 422) == "invalid-request"
        assert [error["path"] for error in answer.json()["errors"]] == ["query.sort"]


async def test_every_list_has_each_of_its_orders(team: Team):
    """Asked of the document, so that a new list is asked too."""
    project = await team.project()
    for path, methods in document(application())["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter["name"] == "sort":
                for sort in parameter["schema"]["enum"]:
                    named = path.removeprefix("/v1/").format(project_id=project["id"])
                    await team.read(named, who="ann", sort=sort)


# the document


def test_every_example_is_one():
    described = document(application())
    parts = [
        part.get("content", {}).get("application/json")
        for methods in described["paths"].values()
        for operation in methods.values()
        for part in (operation.get("requestBody", {}), *operation["responses"].values())
    ]
    bodies = [part for part in parts if part]
    for body in bodies:
        schema = {**body["schema"], "components": described["components"]}
        Draft202012Validator(schema).validate(body["example"])
    assert len(bodies) > 30
