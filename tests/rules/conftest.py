import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests import databases
from tests.databases import Database
from tests.rules.gates import Site, founded


@pytest.fixture(scope="session")
def shared(template: Database) -> Iterator[Database]:
    """A database in which each test has an organisation of its own (`tests.teams`)."""
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    yield clone
    asyncio.run(databases.drop(clone))


@pytest.fixture
async def site(shared: Database) -> AsyncIterator[Site]:
    async with founded(shared) as site:
        yield site
