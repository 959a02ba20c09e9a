import asyncio
from collections.abc import Iterator

import pytest

from tests import databases
from tests.databases import Database
from tests.tenancy.world import World, build


@pytest.fixture(scope="session")
def world(template: Database) -> Iterator[World]:
    """One for all tests here: they undo what they do."""
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    yield asyncio.run(build(clone))
    asyncio.run(databases.drop(clone))
