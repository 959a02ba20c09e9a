from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from api.app import create_app
from tests.databases import Database
from tests.integration.conftest import open_client
from tests.tenancy.callers import Callers, besieged
from tests.tenancy.trial import Trial


@pytest.fixture(scope="session")
def callers(template: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    with besieged(template, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
async def tried(callers: Callers) -> AsyncIterator[tuple[httpx.AsyncClient, Trial]]:
    """The API, of which no request leaves anything behind."""
    app = create_app(callers.settings)
    trial = Trial(app)
    async with open_client(app) as client:
        yield client, trial
