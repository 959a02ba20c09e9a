"""An outside caller that holds the API to its OpenAPI document: schemathesis, by schemathesis.toml.

Whatever the API answers must be what the document promises, whoever asks.
"""

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

import uvicorn
from starlette.types import ASGIApp

from cli import serving
from settings import Settings
from storage import machine_keys
from tests.integration.conftest import bearer_of
from tests.world import World

CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
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


@dataclass(frozen=True)
class Served:
    """The API, listening."""

    app: ASGIApp
    url: str
    world: World
    settings: Settings


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


def keeps_its_word(served: Served, scratch: Path, *options: str) -> None:
    """Fail where an administrator is answered otherwise than the document says, or never gets through."""
    report = run(served, person(served, "ann"), scratch, *options)
    assert failures(report) == []
    assert never_done(report) <= UNREACHED
    assert {phase for phase, did in report["phases"].items() if did["status"] == "success"} >= {
        "coverage",
        "fuzzing",
        "stateful",
    }
