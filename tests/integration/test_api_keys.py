"""Machine keys over HTTP: shown once, stored as a hash, bound to a project, revoked at once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api.app import create_app
from settings import Settings
from storage import machine_keys
from tests.databases import Database
from tests.integration.conftest import open_client
from tests.integration.teams import Team, founded, slug
from tests.world import World

Made = dict[str, Any]


@pytest.fixture
async def http(changing_world: World, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(changing_world.database.settings(settings.home))
    async with open_client(app) as client:
        yield client


@pytest.fixture
def database(changing_world: World) -> Database:
    return changing_world.database


@pytest.fixture
async def team(http: httpx.AsyncClient, database: Database, settings: Settings) -> Team:
    return await founded(http, settings, database)


@pytest.fixture
async def other(http: httpx.AsyncClient, database: Database, settings: Settings) -> Team:
    return await founded(http, settings, database)


async def key_of(team: Team, project: str, **body: Any) -> Made:
    named = {"project_id": project, "name": "checkout", "scopes": ["read"], **body}
    return await team.made("keys", "ann", **named)


async def with_key(team: Team, key: str, path: str) -> httpx.Response:
    return await team.http.get(f"/v1/{path}", headers={"Authorization": f"Bearer {key}"})


async def test_a_keys_text_is_in_one_answer_alone(team: Team, database: Database):
    project = (await team.project())["id"]
    answer = await team.ask(
        "ann",
        "POST",
        "keys",
        json={"project_id": project, "name": "checkout", "scopes": ["read", "publish"]},
    )
    made = answer.json()
    text = made.pop("key")
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/keys/{made['id']}")
    assert machine_keys.parse(text) == UUID(made["id"])
    assert made["created_by"] == str(team.people["ann"])
    assert [made[name] for name in ("expires_at", "revoked_at", "last_used_at", "version")] == [
        *(None, None, None, 1)
    ]
    for who in ("ann", "vic"):
        read = await team.ask(who, "GET", f"keys/{made['id']}")
        assert read.json() == made
        assert read.headers["etag"] == answer.headers["etag"]
        assert text.rpartition("_")[2] not in (await team.ask(who, "GET", "keys")).text
    async with database.superuser() as connection:
        row = await connection.fetchrow("SELECT * FROM machine_key WHERE id = $1", UUID(made["id"]))
    assert row is not None
    assert row["secret_sha256"] == machine_keys.digest(text)
    assert text.rpartition("_")[2] not in str(dict(row))


async def test_a_key_does_what_its_scopes_say(team: Team):
    project = (await team.project())["id"]
    reads = await key_of(team, project)
    publishes = await key_of(team, project, scopes=["publish"])
    assert (await with_key(team, reads["key"], f"projects/{project}")).status_code == 200
    assert slug(await with_key(team, publishes["key"], f"projects/{project}"), 403) == "scope-missing"
    # A key is told nothing about keys.
    for path in ("keys", f"keys/{reads['id']}"):
        assert slug(await with_key(team, reads["key"], path), 403) == "role-too-low"


async def test_a_use_is_shown_and_is_no_edit(team: Team):
    made = await key_of(team, (await team.project())["id"])
    path = f"keys/{made['id']}"
    before = await team.ask("vic", "GET", path)
    assert before.json()["last_used_at"] is None
    assert (await with_key(team, made["key"], "projects")).status_code == 200
    after = await team.ask("vic", "GET", path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200, "it was used since: 304 may not hide that"
    used = datetime.fromisoformat(after.json()["last_used_at"])
    assert datetime.now(UTC) - used < timedelta(minutes=1)
    assert after.json()["version"] == 1
    tag = before.headers["etag"].strip('"')
    renamed = await team.ask("ann", "PATCH", path, match=tag, json={"name": "still the same"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "still the same")


async def test_a_revoked_key_is_refused_at_the_next_request(team: Team):
    made = await key_of(team, (await team.project())["id"])
    path = f"keys/{made['id']}"
    assert (await with_key(team, made["key"], "projects")).status_code == 200
    assert slug(await team.ask("ann", "DELETE", path), 428) == "if-match-required"
    revoked = await team.ask("ann", "DELETE", path, match="1")
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert slug(await with_key(team, made["key"], "projects"), 401) == "bad-token"
    at = (await team.read(path))["revoked_at"]
    assert at is not None
    assert slug(await team.ask("ann", "DELETE", path, match="1"), 412) == "stale"
    assert (await team.ask("ann", "DELETE", path, match="2")).status_code == 204
    assert (await team.read(path))["revoked_at"] == at, "it ended when it ended"


async def test_an_expired_key_is_refused(team: Team, database: Database):
    soon = datetime.now(UTC) + timedelta(hours=1)
    made = await key_of(team, (await team.project())["id"], expires_at=soon.isoformat())
    assert datetime.fromisoformat(made["expires_at"]) == soon
    assert (await with_key(team, made["key"], "projects")).status_code == 200
    async with database.superuser() as connection:
        await connection.execute("UPDATE machine_key SET expires_at = now() WHERE id = $1", UUID(made["id"]))
    assert slug(await with_key(team, made["key"], "projects"), 401) == "bad-token"
    assert (await team.read("keys"))["items"][0]["id"] == made["id"], "it is listed until it is revoked"


async def test_keys_are_listed_filtered_sorted_and_turned(team: Team):
    first, second = [(await team.project())["id"] for _ in range(2)]
    names = [("b", first), ("a", second), ("c", first)]
    made = [await key_of(team, project, name=name) for name, project in names]

    async def listed(**filters: Any) -> list[str]:
        return [one["name"] for one in (await team.read("keys", **filters))["items"]]

    assert await listed() == ["c", "a", "b"]
    assert await listed(sort="name") == ["a", "b", "c"]
    assert await listed(project_id=first, sort="name") == ["b", "c"]
    assert await listed(since=made[2]["created_at"]) == ["c"]
    page = await team.read("keys", sort="-name", limit=2)
    rest = await team.read("keys", sort="-name", limit=2, cursor=page["next_cursor"])
    assert [one["name"] for one in page["items"] + rest["items"]] == ["c", "b", "a"]
    await team.ask("ann", "DELETE", f"keys/{made[0]['id']}", match="1")
    assert await listed(sort="name") == ["a", "c"]
    assert await listed(sort="name", include_revoked=True) == ["a", "b", "c"]


async def test_only_admins_make_change_and_revoke_keys(team: Team):
    project = (await team.project())["id"]
    made = await key_of(team, project)
    body = {"project_id": project, "name": "mine", "scopes": ["read"]}
    for who in ("max", "vic"):
        for method, path, sent in (
            ("POST", "keys", body),
            ("PATCH", f"keys/{made['id']}", {"name": "mine"}),
            ("DELETE", f"keys/{made['id']}", None),
        ):
            answer = await team.ask(who, method, path, headers={"If-Match": "*"}, json=sent)
            assert slug(answer, 403) == "role-too-low"
            assert answer.json()["detail"] == "this asks for ADMIN"
    assert (await team.read(f"keys/{made['id']}")) == {k: v for k, v in made.items() if k != "key"}


async def test_a_token_of_one_workspace_sees_the_keys_of_its_projects(team: Team):
    elsewhere = (await team.made("workspaces", name="Elsewhere"))["id"]
    here, there = (await team.project())["id"], (await team.project(workspace_id=elsewhere))["id"]
    own, foreign = await key_of(team, here), await key_of(team, there)
    confined = {"workspace": team.workspace}
    listed = (await team.ask("ann", "GET", "keys", **confined)).json()["items"]
    assert [one["id"] for one in listed] == [own["id"]]
    for method, body in (("GET", None), ("PATCH", {"name": "mine"}), ("DELETE", None)):
        headers = {"If-Match": "*"}
        refused = await team.ask(
            "ann", method, f"keys/{foreign['id']}", headers=headers, json=body, **confined
        )
        assert slug(refused, 404) == "not-found"
        allowed = await team.ask("ann", method, f"keys/{own['id']}", headers=headers, json=body, **confined)
        assert allowed.is_success
    for project, status in ((here, 201), (there, 422), (str(uuid4()), 422)):
        asked = {"project_id": project, "name": "mine", "scopes": ["read"]}
        answer = await team.ask("ann", "POST", "keys", json=asked, **confined)
        assert answer.status_code == status, answer.text


async def test_anothers_ids_answer_as_unknown_ones_do(team: Team, other: Team):
    foreign = (await other.project())["id"]
    theirs = await key_of(other, foreign)
    told = []
    for project in (foreign, str(uuid4())):
        body = {"project_id": project, "name": "mine", "scopes": ["read"]}
        answer = await team.ask("ann", "POST", "keys", json=body)
        assert slug(answer, 422) == "invalid-request"
        told.append(answer.json()["errors"])
    assert told[0] == told[1] == [{"path": "body.project_id", "message": "there is no such project"}]
    for key in (theirs["id"], str(uuid4())):
        for method, sent in (("GET", None), ("PATCH", {"name": "mine"}), ("DELETE", None)):
            answer = await team.ask("ann", method, f"keys/{key}", match="1", json=sent)
            assert slug(answer, 404) == "not-found"
            assert answer.json()["detail"] == "there is no such key"
    assert (await team.read("keys", project_id=foreign))["items"] == []
    assert (await with_key(other, theirs["key"], "projects")).status_code == 200


async def test_a_key_that_is_not_valid(team: Team):
    project = (await team.project())["id"]
    good = {"project_id": project, "name": "checkout", "scopes": ["read"]}
    bad: list[tuple[str, list[Any]]] = [
        ("name", ["", "x" * 101, None, 1]),
        ("scopes", [[], ["read", "read"], ["read", "publish", "read"], "read", None]),
        ("scopes.0", [["write"], [None]]),
        ("project_id", ["42", None, str(uuid4())]),
        ("expires_at", ["2026-01-01T00:00:00Z", "2100-01-01T00:00:00", "tomorrow", "9999-01-01T00:00:00Z"]),
        ("quota", ["", "0/hour", "1000", "1/week", "1/hour ", 1000]),
        ("secret_sha256", ["x"]),
    ]
    for path, values in bad:
        for value in values:
            answer = await team.ask("ann", "POST", "keys", json={**good, path.partition(".")[0]: value})
            assert slug(answer, 422) == "invalid-request"
            assert [error["path"] for error in answer.json()["errors"]] == [f"body.{path}"], value
    assert (await team.read("keys"))["items"] == []
    for name in ("x", "x" * 100):
        assert (await key_of(team, project, name=name, expires_at=None))["name"] == name
    for quota in (None, "1/second", "1000000/hour"):
        assert (await key_of(team, project, name="limited", quota=quota))["quota"] == quota


async def test_no_update_of_a_key_is_lost(team: Team):
    made = await key_of(team, (await team.project())["id"])
    path = f"keys/{made['id']}"
    first = await team.ask("ann", "PATCH", path, match="1", json={"name": "first"})
    assert (first.status_code, first.json()["version"]) == (200, 2)
    assert slug(await team.ask("ann", "PATCH", path, match="1", json={"name": "late"}), 412) == "stale"
    for body in ({"scopes": ["publish"]}, {"expires_at": None}, {}):
        assert slug(await team.ask("ann", "PATCH", path, match="2", json=body), 422) == "invalid-request"
    assert (await team.read(path))["name"] == "first"


async def test_a_key_that_is_asked_for_twice_under_one_idempotency_key_is_one(team: Team, database: Database):
    project = (await team.project())["id"]
    body = {"project_id": project, "name": "once", "scopes": ["read"]}
    headers = {"Idempotency-Key": "once"}
    first, again = [await team.ask("ann", "POST", "keys", json=body, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    assert len((await team.read("keys"))["items"]) == 1
    assert (await with_key(team, again.json()["key"], "projects")).status_code == 200
    async with database.superuser() as connection:
        kept = await connection.fetchval(
            "SELECT sealed FROM idempotency_key WHERE org_id = $1 AND key = 'once'", team.org
        )
    assert first.json()["key"].encode() not in kept, "the answer is kept, and sealed"
