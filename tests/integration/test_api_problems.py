"""Everything that goes wrong has one shape and one type, and tells no secrets."""

import json
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from api.app import application, create_app
from api.openapi import document
from settings import Settings
from tests.databases import SECRET, Database
from tests.integration.conftest import Tokens, open_client
from tests.world import World

OPENAPI = Path(__file__).parents[2] / "docs" / "openapi.json"


@cache
def description() -> dict[str, Any]:
    return document(application())


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:augentis:problem:{slug}"
    assert body["status"] == status
    assert body["instance"] == response.request.url.path
    assert body["request_id"] == response.headers["x-request-id"]
    schemas = description()["components"]["schemas"]
    Draft202012Validator({**schemas["Problem"], "components": {"schemas": schemas}}).validate(body)
    return body


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("projects?limit=0", "query.limit"),
        ("projects?limit=201", "query.limit"),
        ("projects?limit=many", "query.limit"),
        ("projects?lmit=5", "query.lmit"),
        ("projects?cursor=x", "query.cursor"),
        ("projects?cursor=e30", "query.cursor"),
        ("projects?cursor=%C3%A4", "query.cursor"),
        ("projects/42", "path.project_id"),
        ("projects/{project}/telemetry?metric_name=speed", "query.metric_name"),
        ("projects/{project}/telemetry?since=2026-11-01T10:00:00", "query.since"),
        ("projects/{project}/telemetry?until=yesterday", "query.until"),
        ("projects/{project}/telemetry?cohort=a%00b", "query.cohort"),
        ("projects/{project}/telemetry?cohort={long}", "query.cohort"),
        ("divergence-reports?project_id=42", "query.project_id"),
        ("divergence-reports?classification=BAD", "query.classification"),
        ("divergence-reports?status=open", "query.status"),
    ],
)
async def test_a_request_that_is_not_valid_says_where(
    http: httpx.AsyncClient, world: World, bearer: Tokens, query: str, path: str
):
    url = query.format(project=world.places["a1"].project, long="x" * 101)
    body = problem(await http.get(f"/v1/{url}", headers=bearer("ann")), 422, "invalid-request")
    assert [error["path"] for error in body["errors"]] == [path]


async def test_a_cursor_of_another_list_is_not_valid(http: httpx.AsyncClient, world: World, bearer: Tokens):
    page = (await http.get("/v1/projects?limit=1", headers=bearer("ann"))).json()
    project = world.places["a1"].project
    url = f"/v1/projects/{project}/telemetry?cursor={page['next_cursor']}"
    problem(await http.get(url, headers=bearer("ann")), 422, "invalid-request")


async def test_unknown_paths_and_methods(http: httpx.AsyncClient, bearer: Tokens):
    problem(await http.get("/v1/nothing", headers=bearer("ann")), 404, "not-found")
    problem(await http.get("/", headers=bearer("ann")), 404, "not-found")
    for path, allowed in (
        ("projects", "GET, POST"),
        (f"projects/{uuid4()}", "DELETE, GET, PATCH"),
        ("divergence-reports", "GET"),
    ):
        response = await http.put(f"/v1/{path}", headers=bearer("ann"), json={})
        problem(response, 405, "method-not-allowed")
        assert response.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("text/html, application/*;q=0.5", 200),
        ("APPLICATION/JSON; charset=utf-8", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("text/html, */*;q=0.0", 406),
    ],
)
async def test_only_json_is_sent(http: httpx.AsyncClient, bearer: Tokens, accept: str, status: int):
    response = await http.get("/v1/me", headers={**bearer("ann"), "Accept": accept})
    assert response.status_code == status
    if status == 406:
        problem(response, 406, "not-acceptable")


async def test_a_failure_is_told_without_its_trace(
    app: FastAPI, caplog: pytest.LogCaptureFixture, bearer: Tokens
):
    def fail() -> None:
        raise RuntimeError("the secret plan")

    app.add_api_route("/v1/fail", fail)
    async with open_client(app) as http:
        response = await http.get("/v1/fail", headers=bearer("ann"))
    body = problem(response, 500, "internal")
    assert "secret plan" not in response.text
    assert "secret plan" in caplog.text
    assert body["request_id"] in caplog.text


async def test_a_database_that_is_away_is_503(settings: Settings, bearer: Tokens):
    async with _on(settings, database_url_api="postgresql://a:hidden@127.0.0.1:1/x") as http:
        response = await http.get("/v1/projects", headers=bearer("ann"))
        problem(response, 503, "database-away")
        assert response.headers["retry-after"] == "5"
        ready = problem(await http.get("/readyz"), 503, "not-ready")
        assert ready["checks"] == ["the database does not answer"]
        assert "hidden" not in response.text
        assert (await http.get("/livez")).json() == {"status": "alive"}


def _on(settings: Settings, **changes: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    secrets = {name: SecretStr(value) for name, value in changes.items()}
    return open_client(create_app(settings.model_copy(update=secrets)))


async def test_ready(http: httpx.AsyncClient):
    response = await http.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


async def test_not_ready_before_migrations(settings: Settings, empty_database: Database):
    async with _on(settings, database_url_api=empty_database.api_url) as http:
        body = problem(await http.get("/readyz"), 503, "not-ready")
    assert body["checks"][0].startswith("migrations are pending (`augentis migrate`): 2026")


async def test_not_ready_while_a_migration_is_pending(settings: Settings, database: Database):
    async with database.superuser() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = 'earlier'")
    async with _on(settings, database_url_api=database.api_url) as http:
        body = problem(await http.get("/readyz"), 503, "not-ready")
    assert body["checks"][0].startswith("migrations are pending (`augentis migrate`): 2026")


async def test_not_ready_with_another_secret(settings: Settings):
    async with _on(settings, secret_key=SECRET + "?") as http:
        body = problem(await http.get("/readyz"), 503, "not-ready")
    assert body["checks"] == ["the database checks claims with another secret"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-1_2.3", "kept"),
        ("x" * 128, "kept"),
        ("x" * 129, ""),
        ("a b", ""),
        ("a\tb", ""),
        ("", ""),
    ],
)
async def test_request_ids(http: httpx.AsyncClient, sent: str, kept: str):
    response = await http.get("/livez", headers={"X-Request-ID": sent})
    assert (response.headers["x-request-id"] == sent) is bool(kept)
    assert response.headers["x-request-id"]


async def test_nothing_is_to_be_cached(http: httpx.AsyncClient, bearer: Tokens):
    for path in ("/v1/me", "/v1/nothing"):
        response = await http.get(path, headers=bearer("ann"))
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


def test_the_committed_description_is_current():
    """When this fails: `augentis openapi > docs/openapi.json`."""
    assert json.loads(OPENAPI.read_text()) == description()


def referred(described: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return what a part of the description refers to, or the part."""
    if "$ref" not in part:
        return part
    found: dict[str, Any] = described
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_the_description_is_complete():
    described = description()
    assert described["openapi"].startswith("3.1")
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation["description"], path
            if path.startswith("/v1/"):
                answers = operation["responses"]
                assert {"401", "403", "406", "422", "429", "500", "503"} <= set(answers), path
                assert ("404" in answers) is ("{" in path), path
                assert path == "/v1/sessions" or operation["security"] == [{"HTTPBearer": []}], path
                for status, answer in answers.items():
                    response = referred(described, answer)
                    media = {"2": "application/json"}.get(status[0], "application/problem+json")
                    assert status == "204" or set(response["content"]) == {media}, (path, status)


async def test_answers_are_as_described(http: httpx.AsyncClient, world: World, bearer: Tokens):
    described = description()
    place = world.places["a1"]
    known = {
        "project_id": place.project,
        "artifact_id": place.artifact,
        "assumption_id": place.assumption,
        "report_id": place.report,
        "evidence_id": place.evidence,
        "decision_id": place.gate,
        "execution_id": place.execution,
    }

    async def filled(path: str) -> str:
        """Name what the path asks for; what is not known is the first of its list."""
        listing, _, name = path.rpartition("/{")
        if path.endswith("}") and (last := name.strip("}")) not in known:
            page = await http.get(listing.format(**known), headers=bearer("ann"))
            [item, *_] = page.json()["items"]
            return path.format(**known, **{last: item.get(last) or item["id"]})
        return path.format(**known)

    for path, methods in described["paths"].items():
        if "get" not in methods:
            continue
        response = await http.get(await filled(path), headers=bearer("ann"))
        assert response.status_code == 200, path
        answer = methods["get"]["responses"]["200"]
        schema = answer["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": described["components"]}).validate(response.json())
        assert {name.lower() for name in answer.get("headers", {})} <= set(response.headers), path
        assert ("ETag" in answer.get("headers", {})) is ("etag" in response.headers), path
