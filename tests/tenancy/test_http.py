"""Every route x everybody who might ask: whoever may beside whoever may not."""

import re

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import Uuid

from api.app import application
from storage.tables import Base
from tests.tenancy.callers import ASKS_IN, OUTSIDERS, Callers, nowhere
from tests.tenancy.http_routes import EVERYBODYS, IDS, LOW, OPEN, ROUTES, only_asks
from tests.tenancy.trial import Trial, outcome, told

Tried = tuple[httpx.AsyncClient, Trial]
ONE_LOOP = pytest.mark.asyncio(loop_scope="module")
CHANGING = ("PATCH", "DELETE")


def routes() -> set[str]:
    """Return every route under /v1, as in `GET /v1/me`."""
    found = iter_route_contexts(application().routes)
    return {
        f"{method} {re.sub(':path', '', one.path or '')}"
        for one in found
        for method in (one.methods or ())
        if (one.path or "").startswith("/v1")
    }


def test_every_route_is_in_the_table():
    assert routes() == {*ROUTES, *OPEN}


async def ask(
    client: httpx.AsyncClient, callers: Callers, route: str, who: str, ids: dict[str, str]
) -> httpx.Response:
    method, _ = route.split()
    headers = {**callers.headers[who], **({"If-Match": "*"} if method in CHANGING else {})}
    return await client.request(
        method, path_of(route, ids), headers=headers, json=filled(ROUTES[route].body, ids)
    )


def path_of(route: str, ids: dict[str, str]) -> str:
    named = {**IDS, **ROUTES[route].ids}
    return re.sub(r"{(\w+)}", lambda match: {**EVERYBODYS, **ids}[named[match[1]]], route.split()[1])


def filled(body: object, ids: dict[str, str]) -> object:
    if isinstance(body, dict):
        return {name: filled(value, ids) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, ids) for value in body]
    return ids[body[1:-1]] if isinstance(body, str) and body.startswith("{") else body


@ONE_LOOP
@pytest.mark.parametrize("route", ROUTES)
async def test_who_is_answered_what(tried: Tried, callers: Callers, route: str):
    client, trial = tried
    expected = ROUTES[route].expected()
    found = {}
    for who in expected:
        ids = callers.ids(ASKS_IN.get(who, "a1"))
        response = await ask(client, callers, route, who, ids)
        found[who] = outcome(response)
        # A key's use is noted, whatever comes of it.
        if "key" not in who:
            wrote = trial.has_written()
            assert wrote == (response.is_success and not only_asks(route)), who
        trial.has_written()
    assert found == expected


@ONE_LOOP
@pytest.mark.parametrize("route", [route for route in ROUTES if "{" in route])
async def test_what_is_anothers_is_told_as_what_is_nowhere(tried: Tried, callers: Callers, route: str):
    """To the last byte and header; each id of the path by itself, and all of them."""
    client, _ = tried
    theirs = callers.ids("a1")
    expected = ROUTES[route].expected()
    for who, place in OUTSIDERS.items():
        if "key" in who and expected[who] == LOW:
            continue
        own = callers.ids(place)
        asked = [named for named in taken(route) if theirs[named] != own[named]]
        for foreign in {tuple(asked), *((named,) for named in asked)} - {()}:
            there = {**own, **{named: theirs[named] for named in foreign}}
            missing = {**own, **{named: nowhere(theirs)[named] for named in foreign}}
            found = told(await ask(client, callers, route, who, there), there)
            assert found == told(await ask(client, callers, route, who, missing), missing), (who, foreign)
            assert found[0] in {403, 404}


def taken(route: str) -> list[str]:
    """Return what a route's path names, as `Callers.ids` does."""
    named = [ROUTES[route].ids.get(name, IDS[name]) for name in re.findall(r"{(\w+)}", route)]
    return [name for name in named if name not in EVERYBODYS]


OF_BOTH = {"sam"}
REFUSED = {"DELETE /v1/me"}
"""Bob is the last ADMIN of B."""
WORDS = {
    "a": {"Acme", "ann@", "max@", "Project a", "Team a"},
    "b": {"Beta", "bob@", "Project b", "Team b"},
}


@ONE_LOOP
@pytest.mark.parametrize(
    ("here", "there", "askers"),
    [("a1", "b", ("ann",)), ("b1", "a", ("bob", "sam, by a token of B", "a key of B"))],
)
async def test_nothing_of_another_organisation_is_in_any_answer(
    tried: Tried, callers: Callers, here: str, there: str, askers: tuple[str, ...]
):
    """Neither ids nor names, by whatever route: in lists, in what is made, in what is refused."""
    client, _ = tried
    secrets = WORDS[there] | await _ids_of(callers, there)
    seen = ""
    for route in ROUTES:
        for who in askers:
            response = await ask(client, callers, route, who, callers.ids(here))
            assert response.is_success or who != askers[0] or route in REFUSED, (who, route)
            text = response.text + str(response.headers)
            assert not [secret for secret in secrets if secret in text], (who, route)
            seen += text
    own = {*callers.ids(here).values(), *WORDS[here[0]]}
    assert not [word for word in own if word not in seen], "answers hold such words, of one's own"


async def _ids_of(callers: Callers, org: str) -> set[str]:
    """Return every id in the organisation's rows, but for people who are of both."""
    world, found = callers.world, set()
    async with world.database.superuser() as connection:
        for table in Base.metadata.tables.values():
            columns = [one.name for one in table.columns if isinstance(one.type, Uuid)]
            if "org_id" in columns:
                query = f"SELECT {', '.join(columns)} FROM {table.name} WHERE org_id = $1"
                for row in await connection.fetch(query, getattr(world, org)):
                    found |= {str(value) for value in row if value}
        # The log's name for a login that acts for nobody: the same for all (ADR 0012).
        login = await connection.fetchval("SELECT auth.role_id(session_user)::text")
    return found - {login} - {str(getattr(world, who)) for who in OF_BOTH}


@ONE_LOOP
async def test_an_idempotency_key_is_its_persons_alone(tried: Tried, callers: Callers):
    """Ann and bob have one of this name each; to everybody else it is new."""
    client, _ = tried
    for who, told_of_it in {
        "ann": "409 idempotency-conflict",
        "bob": "409 idempotency-conflict",
        "max": "ok",
        "sam": "ok",
        "sam, by a token of B": LOW,
        "fay, who has left": "403 not-a-member",
    }.items():
        headers = {**callers.headers[who], "Idempotency-Key": "once"}
        response = await client.post("/v1/workspaces", headers=headers, json={"name": "Another team"})
        assert outcome(response) == told_of_it, who
