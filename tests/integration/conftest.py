import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.auth.development import mint
from cli.exits import Exit
from cli.main import run
from cli.stack import control
from cli.stack.layout import Layout
from settings import Settings
from storage.tenancy import Claims
from tests import databases
from tests.databases import Database
from tests.told import Office, office_of
from tests.world import World, build

Tokens = Callable[..., dict[str, str]]
INIT = ("init", "--org", "acme", "--admin", "ada@acme.example", "--project", "Checkout")


@pytest.fixture(scope="session")
def settings(world: World, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The API's settings: the world's database, and a development issuer of its own."""
    return world.database.settings(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def changing_world(template: Database) -> Iterator[World]:
    """A world that tests change for good: add rows of your own, count nobody else's."""
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    yield asyncio.run(build(clone))
    asyncio.run(databases.drop(clone))


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(app) as client:
        yield client


@asynccontextmanager
async def open_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the application, whose connections are given back at the end."""
    # What the application raises is its server's to log: we see what a caller would.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        try:
            yield client
        finally:
            await app.state.services.close()


@pytest.fixture
def bearer(world: World, settings: Settings) -> Tokens:
    """Returns the headers of somebody's request: `bearer("ann")`, `bearer("sam", "b")`."""

    def headers(who: str, org: str = "a", **more: Any) -> dict[str, str]:
        return bearer_of(settings, world.claims(who, org, **more))

    return headers


def bearer_of(settings: Settings, claims: Claims, **described: str) -> dict[str, str]:
    token = mint(
        settings,
        user_id=claims.user_id,
        org_id=claims.org_id,
        workspace_id=claims.workspace_id,
        described=described,
        issued_at=int(time.time()),
        life_seconds=600,
    )
    return {"Authorization": f"Bearer {token}"}


class Augentis:
    """The command line in this process, on one database."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: object) -> int:
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def commanded(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Database], Augentis]:
    """The command line on whichever database a test works with."""

    def on(database: Database) -> Augentis:
        for name, value in database.environment(home).items():
            monkeypatch.setenv(name, value)
        return Augentis(capsys)

    return on


@pytest.fixture
def augentis(
    commanded: Callable[[Database], Augentis], database: Database, monkeypatch: pytest.MonkeyPatch
) -> Augentis:
    monkeypatch.delenv("AUGENTIS_JWT_ISSUER", raising=False)
    return commanded(database)


@pytest.fixture
def acme(augentis: Augentis) -> Augentis:
    """The command line, where an organisation acme has been made."""
    assert augentis(*INIT) == Exit.DONE
    return augentis


@pytest.fixture
def operator(commanded: Callable[[Database], Augentis], changing_world: World) -> Augentis:
    """The command line on the world that tests change for good."""
    return commanded(changing_world.database)


@pytest.fixture
def reading(commanded: Callable[[Database], Augentis], world: World) -> Augentis:
    """The command line on the world that nothing changes."""
    return commanded(world.database)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an embedded broker without a topic."""

    layout = Layout(tmp_path_factory.mktemp("kafka"))
    supervisor = control.launch(layout, ["kafka"], os.getpid())
    try:
        control.wait_until_running(layout, supervisor, lambda _: None)
        yield json.loads(layout.env.read_text())["KAFKA_BOOTSTRAP_SERVERS"]
    finally:
        control.bring_down(layout)
        supervisor.wait(30)
        control.purge(layout)


@pytest.fixture
async def office(changing_world: World, settings: Settings) -> AsyncIterator[Office]:
    async with office_of(changing_world.database, settings) as office:
        yield office
