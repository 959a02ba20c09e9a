"""What a request may do: persons read and write, machine keys read one project."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.app import create_app
from api.caller import Admin, Editor, Member, Person
from settings import Settings
from storage.entities import keys
from tests.integration.conftest import Tokens, bearer_of, open_client
from tests.world import World

Key = dict[str, str]


@pytest.fixture
def app(changing_world: World, settings: Settings) -> FastAPI:
    """The API, and a route for each kind of caller."""
    app = create_app(changing_world.database.settings(settings.home))

    async def reads(caller: Member) -> dict[str, Any]:
        return await _seen(caller.session)

    async def reads_people(caller: Person) -> dict[str, Any]:
        return await _seen(caller.session)

    async def writes(caller: Editor) -> dict[str, Any]:
        return await _seen(caller.session)

    async def administers(caller: Admin) -> dict[str, Any]:
        return await _seen(caller.session)

    for path, route in (
        ("reads", reads),
        ("people", reads_people),
        ("writes", writes),
        ("admin", administers),
    ):
        app.add_api_route(f"/v1/test/{path}", route, methods=["POST"])
    return app


async def _seen(session: Any) -> dict[str, Any]:
    row = await session.execute(
        text("SELECT current_setting('transaction_read_only') AS read_only, pg_backend_pid() AS backend")
    )
    return dict(row.one()._mapping)


@pytest.fixture
def bearer(changing_world: World, settings: Settings) -> Tokens:
    return lambda who, org="a", **more: bearer_of(settings, changing_world.claims(who, org, **more))


async def machine(world: World, place: str = "a1", **more: Any) -> tuple[UUID, Key]:
    """Return a new key's id and the headers of its request."""
    claims = world.claims("ann" if place.startswith("a") else "bob", place[0])
    async with world.database.sessions() as sessions, sessions.open(claims) as session:
        key_id, key = await keys.create(session, claims, world.places[place].project, "key", **more)
    return key_id, {"Authorization": f"Bearer {key}"}


async def ask(http: httpx.AsyncClient, path: str, headers: Key) -> tuple[int, str]:
    response = await http.post(f"/v1/test/{path}", headers=headers)
    body = response.json()
    return response.status_code, body.get("read_only") or body["type"].removeprefix("urn:augentis:problem:")


READS, WRITES, LOW = (200, "on"), (200, "off"), (403, "role-too-low")


async def test_what_each_kind_of_caller_may(http: httpx.AsyncClient, changing_world: World, bearer: Tokens):
    _, key = await machine(changing_world)
    for headers, may in (
        (bearer("ann"), [READS, READS, WRITES, WRITES]),
        (bearer("max"), [READS, READS, WRITES, LOW]),
        # What a VIEWER may write is the database's to judge: they may be an EDITOR of one project.
        (bearer("vic"), [READS, READS, WRITES, LOW]),
        (key, [READS, LOW, LOW, LOW]),
        (bearer("fay"), [(403, "not-a-member")] * 4),
        ({}, [(401, "no-token")] * 4),
        ({"Authorization": "Bearer x"}, [(401, "bad-token")] * 4),
    ):
        assert [await ask(http, path, headers) for path in ("reads", "people", "writes", "admin")] == may


async def test_a_key_reads_its_own_project_alone(http: httpx.AsyncClient, changing_world: World):
    _, key = await machine(changing_world)
    places = changing_world.places
    assert (await http.get(f"/v1/projects/{places['a1'].project}", headers=key)).status_code == 200
    for other in ("a2", "b1"):
        assert (await http.get(f"/v1/projects/{places[other].project}", headers=key)).status_code == 404
        assert (await http.get(f"/v1/artifacts/{places[other].artifact}", headers=key)).status_code == 404
    listed = (await http.get("/v1/projects", headers=key)).json()["items"]
    assert [one["id"] for one in listed] == [str(places["a1"].project)]
    reports = (await http.get("/v1/divergence-reports", headers=key)).json()["items"]
    assert {one["project_id"] for one in reports} == {str(places["a1"].project)}


async def test_a_key_without_the_scope_reads_nothing(http: httpx.AsyncClient, changing_world: World):
    _, key = await machine(changing_world, scopes=["publish"])
    assert await ask(http, "reads", key) == (403, "scope-missing")
    assert await ask(http, "writes", key) == LOW


async def test_a_key_is_told_nothing_of_people(http: httpx.AsyncClient, changing_world: World):
    _, key = await machine(changing_world)
    response = await http.get("/v1/me", headers=key)
    assert (response.status_code, response.json()["type"]) == (403, "urn:augentis:problem:role-too-low")


def _spoilt(good: str) -> list[str]:
    head, secret = good[:37], good[37:]
    return [
        good[:-1] + ("A" if good[-1] != "A" else "B"),  # a wrong secret
        good[:-1],
        good + "A",
        good.upper(),
        head + secret[::-1],
        f"agk_{'0' * 32}_{secret}",  # another key's id
        good.replace("agk_", "agk-"),
    ]


async def test_a_bad_key_gets_the_same_answer_as_a_bad_token(http: httpx.AsyncClient, changing_world: World):
    _, headers = await machine(changing_world)
    good = headers["Authorization"].removeprefix("Bearer ")
    assert await ask(http, "reads", headers) == READS
    told = []
    for bad in ("x", *_spoilt(good)):
        response = await http.post("/v1/test/reads", headers={"Authorization": f"Bearer {bad}"})
        body = response.json()
        body.pop("request_id")
        told.append((response.status_code, body, response.headers["www-authenticate"]))
    assert told[0][0] == 401
    assert all(one == told[0] for one in told)


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ("revoked_at = now()", ()),
        ("expires_at = $2", (datetime.now(UTC) - timedelta(seconds=1),)),
    ],
)
async def test_a_key_that_ends_ends_at_once(
    http: httpx.AsyncClient, changing_world: World, change: str, arguments: tuple[Any, ...]
):
    key_id, key = await machine(changing_world)
    assert await ask(http, "reads", key) == READS
    async with changing_world.database.superuser() as connection:
        await connection.execute(f"UPDATE machine_key SET {change} WHERE id = $1", key_id, *arguments)
    assert await ask(http, "reads", key) == (401, "bad-token")


async def test_the_use_of_a_key_is_noted(http: httpx.AsyncClient, changing_world: World):
    key_id, key = await machine(changing_world)
    await ask(http, "reads", key)
    async with changing_world.database.superuser() as connection:
        used = await connection.fetchval("SELECT last_used_at FROM machine_key WHERE id = $1", key_id)
    assert datetime.now(UTC) - used < timedelta(minutes=1)


# the transaction of a writing request


async def name_of_max(world: World) -> Any:
    async with world.database.superuser() as connection:
        return await connection.fetchval("SELECT full_name FROM app_user WHERE id = $1", world.max)


RENAME = text("UPDATE app_user SET full_name = :name WHERE id = auth.uid()")


async def test_what_was_written_is_committed_before_the_answer(
    app: FastAPI, changing_world: World, bearer: Tokens
):
    async def rename(caller: Editor, name: str) -> dict[str, int]:
        await caller.session.execute(RENAME, {"name": name})
        if name == "Lost":
            backend = (await _seen(caller.session))["backend"]
            async with changing_world.database.superuser() as connection:
                await connection.execute("SELECT pg_terminate_backend($1)", backend)
        if name == "Refused":
            raise RuntimeError("after the update")
        return {}

    app.add_api_route("/v1/test/rename", rename, methods=["POST"])
    async with open_client(app) as http:

        async def answer(name: str) -> int:
            return (await http.post(f"/v1/test/rename?name={name}", headers=bearer("max"))).status_code

        assert await answer("Maximilian") == 200
        assert await name_of_max(changing_world) == "Maximilian"
        assert await answer("Refused") == 500
        # The connection breaks between the update and its commit: nobody may be told that it was done.
        assert await answer("Lost") == 503
        assert await name_of_max(changing_world) == "Maximilian"
