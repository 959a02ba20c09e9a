import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.stack import control
from cli.stack.layout import Layout
from tests import databases
from tests.databases import Database
from tests.streaming import system
from tests.world import World, build

__all__ = ["system"]

pytest.register_assert_rewrite("tests.reference")

# A shell that runs us in the background has SIGINT ignored, and our children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where nothing compiled is kept, each process that tests start compiles all it imports: 4 s, not 1.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session")
def superuser_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server: the one that TEST_DATABASE_SUPERUSER_URL names, or an embedded one."""
    named = os.environ.get("TEST_DATABASE_SUPERUSER_URL")
    if named:
        yield named
        return
    layout = Layout(tmp_path_factory.mktemp("stack"))
    supervisor = control.launch(layout, ["postgres"], os.getpid())
    try:
        control.wait_until_running(layout, supervisor, lambda _: None)
        memory = json.loads((layout.root / "memory.json").read_text())
        yield (
            f"postgresql://postgres:{memory['superuser_password']}"
            f"@127.0.0.1:{memory['postgres_port']}/postgres"
        )
    finally:
        control.bring_down(layout)
        supervisor.wait(30)
        for path in control.purge(layout):
            shutil.rmtree(path, ignore_errors=True)


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
