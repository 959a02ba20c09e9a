"""Ids of another organisation wherever a body or a query may name one, found in the API's description."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest

from api.app import application, create_app
from storage.tables import Base
from tests.integration.conftest import open_client
from tests.tenancy.callers import Callers
from tests.tenancy.http_routes import OPEN, ROUTES
from tests.tenancy.test_http import CHANGING, ONE_LOOP, Tried, filled, path_of
from tests.tenancy.trial import told

DESCRIBED = application().openapi()
Path = tuple[str, ...]


class Place(NamedTuple):
    """Where a request may name an id; `...` in a path stands for the first of a list."""

    route: str
    path: Path


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = DESCRIBED["components"]["schemas"][name] if name else schema
    return found


def _ids(schema: dict[str, Any], path: Path = ()) -> Iterator[Path]:
    schema = _resolved(schema)
    if schema.get("format") == "uuid":
        yield path
    for one in schema.get("anyOf", ()):
        yield from _ids(one, path)
    if "items" in schema:
        yield from _ids(schema["items"], (*path, "..."))
    for name, field in schema.get("properties", {}).items():
        yield from _ids(field, (*path, name))


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DESCRIBED["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1"):
                yield f"{method.upper()} {path}", operation


IN_BODIES = [
    Place(route, path)
    for route, operation in _operations()
    if "requestBody" in operation
    for path in sorted(set(_ids(operation["requestBody"]["content"]["application/json"]["schema"])))
]
IN_QUERIES = [
    Place(route, (parameter["name"],))
    for route, operation in _operations()
    for parameter in operation.get("parameters", ())
    if parameter["in"] == "query" and list(_ids(parameter["schema"]))
]


def test_the_places_are_found():
    assert {
        Place("POST /v1/projects", ("workspace_id",)),
        Place("PATCH /v1/projects/{project_id}", ("workspace_id",)),
        Place("POST /v1/projects/{project_id}/artifacts", ("depends_on", "...")),
        Place("POST /v1/sessions", ("invitation_id",)),
    } <= set(IN_BODIES)
    assert Place("GET /v1/divergence-reports", ("project_id",)) in IN_QUERIES


def _put(body: Any, path: Path, value: str) -> Any:
    if not path:
        return value
    if path[0] == "...":
        return [_put(None, path[1:], value)]
    return {**(body or {}), path[0]: _put((body or {}).get(path[0]), path[1:], value)}


async def _send(client: httpx.AsyncClient, callers: Callers, place: Place, value: str) -> httpx.Response:
    ids, row = callers.ids("a1"), ROUTES[place.route]
    method, _ = place.route.split()
    # A status is changed by itself.
    body = filled({} if "status" in (row.body or {}) else row.body, ids)
    return await client.request(
        method,
        path_of(place.route, ids),
        headers={**callers.headers["ann"], **({"If-Match": "*"} if method in CHANGING else {})},
        **(
            {"params": {place.path[0]: value}}
            if place in IN_QUERIES
            else {"json": _put(body, place.path, value)}
        ),
    )


async def _everything(callers: Callers) -> dict[str, Any]:
    digest = "SELECT (count(*), md5(string_agg(t::text, '' ORDER BY t::text)))::text FROM {} AS t"
    async with callers.world.database.superuser() as connection:
        return {table: await connection.fetchval(digest.format(table)) for table in Base.metadata.tables}


# A name that the caller gives, of nothing that is there.
GIVEN = {("claim_id",)}
TRIED = [place for place in (*IN_BODIES, *IN_QUERIES) if place.route not in OPEN and place.path not in GIVEN]


@pytest.mark.parametrize("place", TRIED, ids=str)
async def test_anothers_id_is_told_as_an_id_of_nothing(callers: Callers, place: Place):
    """Here transactions are committed, and no row of any table changes."""
    before = await _everything(callers)
    # Sam, a member there, is one here too.
    theirs = {named: value for named, value in callers.ids("b1").items() if named not in {"tag", "member"}}
    async with open_client(create_app(callers.settings)) as client:
        nothing = str(uuid4())
        missed = await _send(client, callers, place, nothing)
        assert _found_nothing(missed)
        for named, value in theirs.items():
            found = await _send(client, callers, place, value)
            assert told(found, {"id": value}) == told(missed, {"id": nothing}), named
    assert await _everything(callers) == before


def _found_nothing(response: httpx.Response) -> bool:
    return response.status_code == 422 or (response.is_success and response.json().get("items") == [])


# Nobody of the world has done what the log could show: tests/integration/test_api_audit.py asks for it.
IDLE = {("actor_id",)}


@ONE_LOOP
@pytest.mark.parametrize("place", [place for place in TRIED if place.path not in IDLE], ids=str)
async def test_an_id_of_ones_own_is_taken(tried: Tried, callers: Callers, place: Place):
    client, _ = tried
    own = {named: value for named, value in callers.ids("a1").items() if named != "tag"}
    answers = [await _send(client, callers, place, value) for value in own.values()]
    assert [one for one in answers if not _found_nothing(one)]
