"""docs/bad-input.md, row by row: each request is sent as it stands there, and answered as it says."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api import problems
from api.app import application, create_app
from api.paging import Paging
from api.problems import PREFIX, Kind
from api.rates import Rates
from settings import OidcProvider
from tests.databases import Database
from tests.integration.bad_input import PROVIDER, Row, rows, written_out
from tests.integration.bad_input_world import known, prepare
from tests.integration.conftest import open_client
from tests.tenancy.callers import Callers, besieged
from tests.tenancy.trial import Trial
from tests.tokens import KEY, jwks

OUTAGES = {problems.INTERNAL, problems.DATABASE_AWAY, problems.ISSUER_AWAY, problems.NOT_READY}
ROWS = list(rows())


@pytest.fixture(scope="module")
def callers(template: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    with besieged(template, tmp_path_factory.mktemp("home")) as found:
        asyncio.run(prepare(found.world))
        yield found


@pytest.fixture
def api(callers: Callers, tmp_path: Path) -> FastAPI:
    """The API, of which no request leaves anything behind."""
    (tmp_path / "google.json").write_text(jwks(KEY))
    google = OidcProvider(issuer=PROVIDER, audience="us", jwks=str(tmp_path / "google.json"), alg="ES256")
    app = create_app(callers.settings.model_copy(update={"oidc_providers": {"google": google}}))
    Trial(app)
    return app


async def send(client: httpx.AsyncClient, callers: Callers, row: Row) -> httpx.Response:
    ids = known(callers)
    if "<cursor of reports>" in row.path:
        page = await client.get("/v1/divergence-reports?limit=1", headers=callers.headers["ann"])
        ids["cursor of reports"] = page.json()["next_cursor"]
    headers = {**callers.headers[row.who]}
    if row.method in {"PATCH", "DELETE"}:
        headers["If-Match"] = "*"
    body = None
    for part in row.sent:
        header = re.fullmatch(r"([A-Z][A-Za-z-]+):(.*)", part)
        if header:
            headers[header[1]] = written_out(header[2].strip(), ids)
        else:
            body = written_out(part, ids)
            headers.setdefault("Content-Type", "application/json")
    kept = {name: value for name, value in headers.items() if value}
    path = written_out(row.path, ids)
    return await client.request(row.method, path, headers=kept, content=body)


def told(response: httpx.Response) -> tuple[str, str]:
    """Return what the catalogue has of an answer: its status and type, and what it says."""
    if response.is_success:
        return str(response.status_code), ""
    body: dict[str, Any] = response.json()
    faults = [f"{fault['path']}: {fault['message']}" for fault in body.get("errors", ())]
    answer = f"{response.status_code} {body['type'].removeprefix(PREFIX)}"
    return answer, "; ".join(faults) or body.get("detail", body["title"])


@pytest.mark.parametrize("section", {row.section: None for row in ROWS})
async def test_the_catalogue_holds(api: FastAPI, callers: Callers, section: str):
    wanted, found = {}, {}
    async with open_client(api) as client:
        for row in (one for one in ROWS if one.section == section):
            # Each row is sent alone.
            api.state.rates = Rates(callers.settings.rate_limit, time.monotonic)
            for _ in range(row.times):
                response = await send(client, callers, row)
            wanted[row.line] = row.answer, row.says
            found[row.line] = told(response)
    assert found == wanted


def test_every_problem_that_a_caller_can_make_is_there():
    kinds = {kind for kind in vars(problems).values() if isinstance(kind, Kind)} - OUTAGES
    assert {row.answer for row in ROWS} >= {f"{kind.status} {kind.slug}" for kind in kinds}


def test_every_field_and_parameter_is_there():
    """What all lists have is there once."""
    faults = {
        (row.method, _shape(row.path), fault.partition(":")[0])
        for row in ROWS
        for fault in row.says.split("; ")
    }
    shared = {fault for *_, fault in faults if fault.removeprefix("query.") in Paging.model_fields}
    missing = [one for one in _inputs() if one not in faults and one[2] not in {*shared, "query.since"}]
    assert missing == []
    assert len(shared) == len(Paging.model_fields)


def _shape(path: str) -> str:
    return re.sub(r"<[^>]+>", "{}", path.partition("?")[0])


def _inputs() -> Iterator[tuple[str, str, str]]:
    """Yield each field of each body, and each parameter of each list."""
    described = application().openapi()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            where = method.upper(), re.sub(r"{\w+}", "{}", path)
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "query":
                    yield *where, f"query.{parameter['name']}"
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                model = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                for name in model["properties"]:
                    yield *where, f"body.{name}"
