"""The PostgreSQL of a test run: embedded, one for all processes of xdist, ended by who started it."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from cli.stack import control
from cli.stack import state as states
from cli.stack.layout import Layout

PATIENCE = 120.0
HASTY = ("fsync = off", "full_page_writes = off", "synchronous_commit = off", "autovacuum = off")
"""Nothing here must outlive a power cut, and what tests leave is dropped before it would be vacuumed."""


@contextmanager
def embedded(home: Path) -> Iterator[None]:
    """Have a server start below `home`; however this process ends, it ends too."""
    layout = Layout(home)
    supervisor = control.launch(layout, ["postgres"], os.getpid())
    try:
        yield
    finally:
        while supervisor.poll() is None and not control.bring_down(layout):
            time.sleep(0.05)  # it has not taken its lock yet
        supervisor.wait(30)
        control.purge(layout)


def superuser_url(home: Path) -> str:
    """Wait until the server below `home` accepts clients; it is made hasty before it is used."""
    layout, deadline = Layout(home), time.monotonic() + PATIENCE
    while (state := states.current(layout)).summary != "running":
        assert time.monotonic() < deadline, f"{state}; see {layout.log('supervisor')}"
        time.sleep(0.05)
    memory = json.loads((layout.root / "memory.json").read_text())
    server = f"127.0.0.1:{memory['postgres_port']}"
    url = f"postgresql://postgres:{memory['superuser_password']}@{server}/postgres"
    asyncio.run(_hasten(url))
    return url


async def _hasten(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock(2)")  # ALTER SYSTEM does not like company
        for setting in HASTY:
            await connection.execute(f"ALTER SYSTEM SET {setting}")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
