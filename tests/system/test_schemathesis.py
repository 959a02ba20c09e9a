"""What of the API is about people and alerts keeps its word, and all of it for whoever may do less."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from tests.system.caller import Served, failures, keeps_its_word, listening, machine, person, run
from tests.system.test_schemathesis_product import PRODUCT

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

BRIEFLY = ("--phases", "fuzzing,stateful", "--max-examples", "3")


def test_an_administrator_gets_what_the_document_promises(served: Served, tmp_path: Path):
    keeps_its_word(served, tmp_path, "--exclude-path-regex", PRODUCT)


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
