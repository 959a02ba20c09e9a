"""An outside caller holds the API to its OpenAPI document: schemathesis, configured in schemathesis.toml.

The application runs in a thread of the test on a database of its own, filled with tests/world.py; whatever it
answers must be what the document promises, whoever asks.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from api import rates
from api.app import create_app
from cli import serving
from settings import Settings
from storage import machine_keys
from tests import databases
from tests.databases import Database
from tests.integration.conftest import bearer_of
from tests.world import World, build

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
BRIEFLY = ("--phases", "fuzzing,stateful", "--max-examples", "3")
# No id_token can be made up. A role in a project is one that an earlier call gave, an edge one not there yet,
# a mapping or a calendar one that was put: whether a call finds such a project is chance.
UNREACHED = {
    "POST /v1/sessions",
    "DELETE /v1/projects/{project_id}/access/{user_id}",
    "GET /v1/projects/{project_id}/otlp-mapping",
    "GET /v1/projects/{project_id}/holidays",
    "POST /v1/artifacts/{artifact_id}/dependencies",
    # Times that are made up lie further back than they look, or a question is asked in both its forms.
    "GET /v1/artifacts/{artifact_id}/backtest",
    "POST /v1/projects/{project_id}/backtests",
    "GET /v1/artifacts/{artifact_id}/cascade",
    # It rests on evidence that somebody else has reviewed, and has as many indicators as its gate takes.
    "POST /v1/projects/{project_id}/gate-decisions",
    "POST /v1/gate-decisions/{decision_id}/override",
    "GET /v1/gate-decisions/{decision_id}",
    # What is in review is its author's no more; an execution fails once it runs, and is retried after that.
    "PATCH /v1/evidence/{evidence_id}",
    "POST /v1/executions/{execution_id}/fail",
    "POST /v1/executions/{execution_id}/retry",
    # Of one that was made a moment before.
    "DELETE /v1/alert-channels/{channel_id}",
    "DELETE /v1/alert-routes/{route_id}",
    "DELETE /v1/alert-windows/{window_id}",
    # It begins before it ends, and ends in time: none of two that are made up is.
    "POST /v1/alert-silences",
    "POST /v1/alert-silences/{silence_id}/end",
    # Until a time from now on, 90 days ahead at most: none that is made up is.
    "POST /v1/divergence-reports/{report_id}/snooze",
}
PLENTY = "1000000/minute"


@dataclass(frozen=True)
class Served:
    """The API, listening."""

    app: ASGIApp
    url: str
    world: World
    settings: Settings


@pytest.fixture(scope="module")
def served(template: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    settings = clone.settings(tmp_path_factory.mktemp("home"), AUGENTIS_RATE_LIMIT=PLENTY)
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("STRANGERS", "SIGN_INS"):
            patch.setattr(rates, limit, PLENTY)
        app = create_app(settings)
    world = asyncio.run(build(clone))
    asyncio.run(unlimited(world))
    with listening(app) as url:
        yield Served(app, url, world, settings)
    asyncio.run(databases.drop(clone))


async def unlimited(world: World) -> None:
    async with world.database.superuser() as connection:
        await connection.execute("UPDATE organization SET subscription_tier = 'ENTERPRISE'")


@contextmanager
def listening(app: ASGIApp, lifespan: Literal["on", "off"] = "on") -> Iterator[str]:
    """Yield the address at which a thread of ours serves the application."""
    listener = serving.listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan=lifespan))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


def identities(world: World) -> dict[str, str]:
    """Return what schemathesis.toml and the hooks name."""
    here = world.places["a1"]
    return {
        "WORKSPACE": str(here.workspace),
        "PROJECT": str(here.project),
        "APPROVED": str(here.artifact),
        "DRAFT": str(here.code),
        "OTHER": str(here.other),
        "ASSUMPTION": str(here.assumption),
        "REPORT": str(here.report),
        "KEY": str(here.key),
        "EXCLUSION": str(here.window),
        "DECISION": str(here.gate),
        "EVIDENCE": str(here.evidence),
        "IN_REVIEW": str(here.in_review),
        "EXECUTION": str(here.execution),
        "CHANNEL": str(world.channels[here.org]),
        "ROUTE": str(here.route),
        "DELIVERY": str(here.delivery),
        "SILENCE": str(here.silence),
        "WINDOW": str(world.windows[here.org]),
        "MEMBER": str(world.max),
        "CALLER": str(world.ann),
    }


def run(served: Served, bearer: str, scratch: Path, *options: str, url: str = "") -> dict[str, Any]:
    """Return schemathesis' report of what it did as whoever the bearer is; it prints what failed."""
    report = scratch / "report.json"
    document = f"{url or served.url}/openapi.json"
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(CONFIG), "run"]
    asking = ["-H", f"Authorization: Bearer {bearer}", "--report-json-path", str(report)]
    done = subprocess.run(
        [*command, document, *asking, *options],
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(HOOKS),
            **identities(served.world),
        },
        cwd=scratch,
        check=False,
    )
    assert done.returncode in (0, 1)
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def person(served: Served, who: str) -> str:
    return bearer_of(served.settings, served.world.claims(who))["Authorization"].removeprefix("Bearer ")


async def machine(world: World) -> str:
    """Return a key that reads one project."""
    place = world.places["a1"]
    key_id, key, sha256 = machine_keys.make()
    async with world.database.superuser() as connection:
        await connection.execute(
            "INSERT INTO machine_key (org_id, id, project_id, name, scopes, secret_sha256)"
            " VALUES ($1, $2, $3, 'reader', ARRAY['read'], $4)",
            *(place.org, key_id, place.project, sha256),
        )
    return key


def failures(report: dict[str, Any]) -> list[tuple[str, list[str]]]:
    assert report["errors"] == []
    assert report["operations"]["tested"] == report["operations"]["selected"]
    return [(failure["title"], failure["operations"]) for failure in report["failures"]]


def never_done(report: dict[str, Any]) -> set[str]:
    """Return the operations that no call succeeded at: of them only refusals were seen."""
    return {
        operation
        for operation, phases in report["valid_rates"].items()
        if not sum(rates["accepted"] for rates in phases.values())
    }


def test_an_administrator_gets_what_the_document_promises(served: Served, tmp_path: Path):
    report = run(served, person(served, "ann"), tmp_path)
    assert failures(report) == []
    assert never_done(report) <= UNREACHED
    assert {phase for phase, did in report["phases"].items() if did["status"] == "success"} >= {
        "coverage",
        "fuzzing",
        "stateful",
    }


def test_a_viewer_gets_what_the_document_promises(served: Served, tmp_path: Path):
    assert failures(run(served, person(served, "vic"), tmp_path, *BRIEFLY)) == []


def test_a_machine_gets_what_the_document_promises(served: Served, tmp_path: Path):
    key = asyncio.run(machine(served.world))
    assert failures(run(served, key, tmp_path, *BRIEFLY)) == []


def test_an_api_that_breaks_its_word_is_found(served: Served, tmp_path: Path):
    """The positive control."""

    async def forgetful(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != "/v1/me":
            await served.app(scope, receive, send)
            return
        head = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"{}"})

    with listening(forgetful, lifespan="off") as url:
        options = ("--phases", "fuzzing", "--include-path", "/v1/me")
        report = run(served, person(served, "ann"), tmp_path, *options, url=url)
    assert "GET /v1/me" in dict(failures(report))["Response violates schema"]
