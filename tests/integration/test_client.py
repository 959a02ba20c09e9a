"""The client against a server of ours, over a real socket."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_type_hints
from uuid import uuid4

import httpx
import pytest

from api import schemas
from client import ApiError, Client, records
from settings import Settings
from tests.integration.conftest import Tokens
from tests.world import HOUR, World


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def url(world: World, settings: Settings) -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, **world.database.environment(settings.home)}
    command = [sys.executable, "-m", "cli.main", "api", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            wait(f"http://127.0.0.1:{port}/readyz", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)
            log = server.communicate(timeout=20)[1]
    assert server.returncode == 0, log
    assert "Traceback" not in log


def wait(url: str, server: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 90
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the API did not become ready")


@pytest.fixture
def client(url: str, bearer: Tokens) -> Iterator[Client]:
    with Client(url, bearer("ann")["Authorization"].removeprefix("Bearer ")) as client:
        yield client


def test_everything_can_be_read(client: Client, world: World):
    place = world.places["a1"]
    assert client.me()["user_id"] == str(world.ann)
    assert {project["id"] for project in client.projects()} == {
        str(world.places[name].project) for name in ("a1", "a2")
    }
    assert client.project(place.project)["name"] == "Project a1"
    [prd] = client.artifacts(place.project, type="PRD")
    assert client.artifact(prd["id"])["content"] == {"title": "a1"}
    [letter] = client.dead_letters(project_id=place.project, reason="bad_value", since=HOUR)
    assert letter["indices"] == [1]
    assert list(client.dead_letters(reason="future")) == []
    [entry] = client.audit_log(resource_type="Project", resource_id=place.project, action="CREATE")
    assert (entry["actor_kind"], entry["project_id"]) == ("role", str(place.project))
    [report] = client.divergence_reports(project_id=place.project, status="OPEN")
    cascade = client.divergence_report(report["id"])["cascade_analysis"]
    assert cascade is not None
    assert cascade["affected_features"] == ["F12 PRD"]


def test_telemetry_comes_as_rows_or_as_a_frame(client: Client, world: World):
    place = world.places["a1"]
    [row] = client.telemetry(place.project, cohort="mainstream", since=HOUR)
    assert row["metric_value"] == 42.0
    frame = client.telemetry_frame(place.project, metric_name="user_adoption")
    assert frame["metric_value"].to_dict() == {HOUR: 42.0}
    empty = client.telemetry_frame(place.project, since=HOUR + timedelta(hours=1))
    assert empty.empty
    assert list(empty.columns) == list(frame.columns)
    assert str(empty.index.dtype) == str(frame.index.dtype)
    assert str(frame.index.dtype) == "datetime64[us, UTC]"


def test_pages_are_turned(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("client.requests.PAGE", 1)
    assert len(list(client.projects())) == 2


def test_a_refusal_is_an_error_that_says_why(client: Client, url: str):
    with pytest.raises(ApiError, match="404 Not there, or not yours: there is no such project") as caught:
        client.project(uuid4())
    assert (caught.value.status, caught.value.slug) == (404, "not-found")
    with pytest.raises(ApiError, match=r"422 .*query.metric_name: Input should be"):
        next(client.telemetry(uuid4(), metric_name="speed"))
    with Client(url, "x") as stranger, pytest.raises(ApiError) as refused:
        stranger.me()
    assert refused.value.slug == "bad-token"
    with pytest.raises(ValueError, match="no time zone"):
        next(client.divergence_reports(since=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_what_is_no_problem_is_an_error_too():
    transport = httpx.MockTransport(lambda _: httpx.Response(502, text="bad gateway"))
    with (
        Client("http://proxy", "x", transport=transport) as client,
        pytest.raises(ApiError, match="502 Bad Gateway"),
    ):
        client.me()


@pytest.mark.parametrize("name", records.__all__)
def test_the_records_are_those_that_the_api_sends(name: str):
    assert set(get_type_hints(getattr(records, name))) == set(getattr(schemas, name).model_fields)


def test_the_server_stops_cleanly_when_its_port_is_taken(world: World, settings: Settings, url: str):
    environment = {**os.environ, **world.database.environment(settings.home)}
    command = [sys.executable, "-m", "cli.main", "api", "--port", url.rpartition(":")[2]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "cannot listen on 127.0.0.1 port" in done.stderr.splitlines()[-1]


def test_a_day_has_its_hours(client: Client, world: World):
    until = datetime.now(UTC)
    rows = list(client.telemetry(world.places["a2"].project, since=HOUR, until=until))
    assert [row["timestamp"] for row in rows] == ["2026-11-01T10:00:00Z"]
