import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.app import create_app
from api.rates import Rates
from tests.databases import Database
from tests.integration.conftest import open_client
from tests.tenancy.callers import Callers, besieged
from tests.tenancy.trial import Trial


@pytest.fixture(scope="session")
def callers(template: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    with besieged(template, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def on_trial(callers: Callers) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient, Trial]]:
    """One connection for all tests of a module: one each would be much of their time."""
    app = create_app(callers.settings)
    trial = Trial(app)
    async with open_client(app) as client:
        yield app, client, trial


@pytest.fixture
def tried(
    callers: Callers, on_trial: tuple[FastAPI, httpx.AsyncClient, Trial]
) -> tuple[httpx.AsyncClient, Trial]:
    """The API, of which no request leaves anything behind; for tests with `loop_scope="module"`."""
    app, client, trial = on_trial
    app.state.rates = Rates(callers.settings.rate_limit, time.monotonic)
    trial.has_written()
    return client, trial
