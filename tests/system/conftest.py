"""The API as it is served, over a database that tests/world has filled."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from api import rates
from api.app import create_app
from tests import databases
from tests.databases import Database
from tests.system.caller import Served, listening
from tests.world import World, build

PLENTY = "1000000/minute"


@pytest.fixture(scope="module")
def unheard(template: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API, which does not listen yet."""
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    settings = clone.settings(tmp_path_factory.mktemp("home"), AUGENTIS_RATE_LIMIT=PLENTY)
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("STRANGERS", "SIGN_INS"):
            patch.setattr(rates, limit, PLENTY)
        app = create_app(settings)
    world = asyncio.run(build(clone))
    asyncio.run(unlimited(world))
    yield Served(app, "", world, settings)
    asyncio.run(databases.drop(clone))


@pytest.fixture(scope="module")
def served(unheard: Served) -> Iterator[Served]:
    with listening(unheard.app) as url:
        yield replace(unheard, url=url)


async def unlimited(world: World) -> None:
    async with world.database.superuser() as connection:
        await connection.execute("UPDATE organization SET subscription_tier = 'ENTERPRISE'")
