import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import databases, servers
from tests.databases import Database
from tests.streaming import system
from tests.world import World, build

__all__ = ["system"]

pytest.register_assert_rewrite("tests.reference", "tests.system.caller")

SERVER = "TEST_DATABASE_SUPERUSER_URL"
SHARED = pytest.StashKey[Path]()

# A shell that runs us in the background has SIGINT ignored, and our children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where nothing compiled is kept, each process that tests start compiles all it imports: 4 s, not 1.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Our servers have no TLS: to ask for it first is a second connection each time.
os.environ.setdefault("PGSSLMODE", "disable")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each process that xdist starts where the server is: they share it, and we start and end it."""
    if SERVER not in os.environ:
        node.workerinput["postgres"] = str(_shared_home(node.config))


def _shared_home(config: pytest.Config) -> Path:
    home = config.stash.get(SHARED, None)
    if home is None:
        held = ExitStack()
        home = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="augentis-tests-")))
        held.enter_context(servers.embedded(home))
        config.stash[SHARED] = home
        config.add_cleanup(held.close)
    return home


@pytest.fixture(scope="session")
def superuser_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server: the one that TEST_DATABASE_SUPERUSER_URL names, or an embedded one."""
    if SERVER in os.environ:
        yield os.environ[SERVER]
    elif hasattr(request.config, "workerinput"):
        yield servers.superuser_url(Path(request.config.workerinput["postgres"]))
    else:
        home = tmp_path_factory.mktemp("stack")
        with servers.embedded(home):
            yield servers.superuser_url(home)


@pytest.fixture(scope="session")
def template(superuser_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database that tests clone and never change."""
    database = databases.prepare(superuser_url)
    try:
        asyncio.run(databases.migrated(database, tmp_path_factory.mktemp("home")))
        yield database
    finally:
        asyncio.run(databases.drop(database))
        asyncio.run(databases.remove_logins(database))


@pytest.fixture
async def database(template: Database) -> AsyncIterator[Database]:
    """A migrated database of the test's own."""
    clone = databases.clone_of(template)
    await databases.create(clone, template.name)
    yield clone
    await databases.drop(clone)


@pytest.fixture(scope="session")
def world(template: Database) -> Iterator[World]:
    """Two organisations and a row in every table; tests undo what they change."""
    clone = databases.clone_of(template)
    asyncio.run(databases.create(clone, template.name))
    yield asyncio.run(build(clone))
    asyncio.run(databases.drop(clone))


@pytest.fixture
async def empty_database(template: Database) -> AsyncIterator[Database]:
    """A database of the test's own that no migration has run on."""
    empty = databases.clone_of(template)
    await databases.create(empty)
    yield empty
    await databases.drop(empty)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An AUGENTIS_HOME of the test's own."""
    return tmp_path / "home"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI is set a skipped test is an error: there everything is there that a test may need."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        reporter.write_line("\nCI is set: a skipped test is an error", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
