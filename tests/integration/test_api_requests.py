"""What holds for every request: bodies have a limit and are JSON; who asks too much waits."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from api.app import create_app
from api.bodies import MAX_BYTES
from api.rates import STRANGERS
from settings import Settings
from tests.integration.conftest import open_client
from tests.integration.teams import Team, opened, slug, workspace
from tests.world import World


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


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


async def test_a_stranger_is_told_of_the_token_first(team: Team):
    answer = await team.http.post("/v1/workspaces", content=b"{", headers={"Accept": "text/html"})
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


async def test_strangers_are_counted_by_their_address_and_callers_are_not(team: Team):
    http = team.http
    most = int(STRANGERS.partition("/")[0])
    headers = {"Authorization": "Bearer x"}
    answers = [(await http.get("/v1/me", headers=headers)).status_code for _ in range(most + 1)]
    assert answers == [401] * most + [429]
    refused = await http.get("/v1/me")
    assert slug(refused, 429) == "too-many-requests"
    assert (await team.ask("vic", "GET", "me")).status_code == 200
    assert (await http.get("/livez")).status_code == 200


async def test_every_answer_says_how_much_is_left(team: Team):
    http = team.http
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
