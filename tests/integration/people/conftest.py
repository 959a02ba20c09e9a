"""A team in a world that tests of people change for good, and another beside it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.app import create_app
from settings import Settings
from tests.databases import Database
from tests.integration.conftest import open_client
from tests.integration.teams import Team, founded, slug
from tests.world import World


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
    return await founded(http, settings, database, tier="BASIC")


@pytest.fixture
async def other(http: httpx.AsyncClient, database: Database, settings: Settings) -> Team:
    return await founded(http, settings, database)


async def patched(team: Team, who: str, path: str, match: Any, **body: Any) -> httpx.Response:
    return await team.ask(who, "PATCH", path, match=match, json=body)


async def tag_of(team: Team, who: str, path: str) -> str:
    """Return what the ETag of a thing has between its quotes."""
    return (await team.ask(who, "GET", path)).headers["etag"].strip('"')


def refused_at(answer: httpx.Response) -> list[str]:
    """Return which fields a request was refused for."""
    assert slug(answer, 422) == "invalid-request"
    return [error["path"] for error in answer.json()["errors"]]


def member(team: Team, who: str) -> str:
    return f"members/{team.people[who]}"
