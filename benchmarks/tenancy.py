"""What a list page costs, and what row-level security costs of it: `make bench-tenancy`.

A page of 50 rows four ways, in turn, in one run: (a) our API over HTTP; (b) its own SQL under row-level
security and (c) the same statements as a superuser, without it, both by asyncpg in a transaction with the
same claims; (d) asyncpg and json.dumps behind the same HTTP server (`tenancy_bare`). Quote the ratios.
"""

import argparse
import asyncio
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from sqlalchemy import event

from api.auth.sessions import SessionIssuer, session_key
from benchmarks.tenancy_data import Tenant, fill, some
from cli.stack import control
from cli.stack.layout import Layout
from storage.database import engine
from storage.reading import reports, telemetry
from storage.reading.pages import Slice
from storage.secrets import claims_signature
from storage.tenancy import Claims, TenantSessions
from tests import databases
from tests.databases import SECRET, Database

ROWS = 1_000_000
PAGE = 50
ASKED = 50
"""Organisations that ask, of all that there are."""
KINDS = ("telemetry", "reports")
WAYS = ("api", "bare", "rls", "plain")
_CLAIMS = "SELECT set_config('request.jwt.claims', $1, true), set_config('request.jwt.signature', $2, true)"


@dataclass
class Server:
    """A child process that answers HTTP."""

    process: psutil.Process
    connection: http.client.HTTPConnection
    requests: int = 0

    def get(self, path: str, headers: dict[str, str]) -> bytes:
        self.requests += 1
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        body = response.read()
        if response.status != 200:
            sys.exit(f"{path}: {response.status} {body.decode()}")
        return body

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@dataclass
class Asking:
    """What is asked in one database, and by which means."""

    api: Server
    bare: Server
    rls: asyncpg.Connection
    plain: asyncpg.Connection
    queries: dict[str, str]
    everybody: Sequence[tuple[Tenant, dict[str, str]]]
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    async def ask(self, kind: str, way: str, tenant: Tenant, bearer: dict[str, str]) -> None:
        """Get one page, and note how long it took."""
        work = getattr(self, f"_{way}")
        began = time.perf_counter()
        await work(kind, tenant, bearer)
        self.seconds.setdefault((kind, way), []).append(time.perf_counter() - began)

    async def _api(self, kind: str, tenant: Tenant, bearer: dict[str, str]) -> None:
        path = f"projects/{tenant.project}/telemetry" if kind == "telemetry" else "divergence-reports"
        self.api.get(f"/v1/{path}?limit={PAGE}", bearer)

    async def _bare(self, kind: str, tenant: Tenant, bearer: dict[str, str]) -> None:
        del bearer
        self.bare.get("/" + "/".join([kind, *map(str, parameters(kind, tenant))]), {})

    async def _rls(self, kind: str, tenant: Tenant, bearer: dict[str, str]) -> None:
        del bearer
        await self._sql(self.rls, kind, tenant)

    async def _plain(self, kind: str, tenant: Tenant, bearer: dict[str, str]) -> None:
        del bearer
        await self._sql(self.plain, kind, tenant)

    async def _sql(self, connection: asyncpg.Connection, kind: str, tenant: Tenant) -> None:
        claims = Claims(tenant.user, tenant.org).text(time.time() + 60)
        async with connection.transaction(readonly=True):
            await connection.execute(_CLAIMS, claims, claims_signature(SECRET, claims))
            rows = await connection.fetch(self.queries[kind], *parameters(kind, tenant), PAGE + 1)
        assert len(rows) > PAGE

    def p50(self, kind: str, way: str) -> float:
        """Return the median in milliseconds."""
        return statistics.median(self.seconds[kind, way]) * 1000


def parameters(kind: str, tenant: Tenant) -> list[Any]:
    return [tenant.org, tenant.project] if kind == "telemetry" else [tenant.org]


async def own_queries(database: Database, tenant: Tenant) -> dict[str, str]:
    """Return the SQL that the API's own reading functions send for a first page."""
    api = engine(database.api_url)
    seen: list[str] = []
    event.listen(api.sync_engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    found = {}
    async with TenantSessions(api, SECRET).open(Claims(tenant.user, tenant.org)) as session:
        by = Slice(telemetry.ORDERS["timestamp"], falling=True, after=None, limit=PAGE)
        await telemetry.listed(session, tenant.org, tenant.project, telemetry.Wanted(), by)
        found["telemetry"] = seen[-1]
        by = Slice(reports.ORDERS["detected_at"], falling=True, after=None, limit=PAGE)
        await reports.listed(session, tenant.org, reports.Wanted(), by)
        found["reports"] = seen[-1]
    await api.dispose()
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(arguments: list[str], env: dict[str, str], port: int, log: Path) -> Iterator[Server]:
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, *arguments], env=os.environ | env, stderr=out)
    try:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        else:
            sys.exit(log.read_text())
        yield Server(psutil.Process(process.pid), http.client.HTTPConnection("127.0.0.1", port))
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the superuser's address of an embedded PostgreSQL of our own."""
    with tempfile.TemporaryDirectory() as home:
        layout = Layout(Path(home))
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
            control.purge(layout)


@asynccontextmanager
async def connected(url: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def case(database: Database, home: Path, organizations: int, rounds: int) -> Asking:
    """Measure in one database that holds so many organisations."""
    await databases.migrated(database, home)
    async with connected(database.superuser_url) as plain, connected(database.api_url) as rls:
        rows = await fill(plain, organizations, ROWS)
        print(f"\n{organizations:,} organisations, {rows:,} telemetry rows", flush=True)
        asked = some(organizations, ASKED)
        queries = await own_queries(database, asked[0])
        # What production sends: a token of a session. The development issuer reads its key from a file.
        issuer = SessionIssuer(session_key(SECRET), "augentis", 3600, time.time)
        tokens = [(one, issuer.mint(Claims(one.user, one.org), {})) for one in asked]
        everybody = [(one, {"Authorization": f"Bearer {token}"}) for one, token in tokens]
        port, bare_port = free_port(), free_port()
        env = database.environment(home) | {"AUGENTIS_RATE_LIMIT": "1000000/second"}
        bare_env = {
            "BARE_QUERIES": json.dumps(queries),
            "BARE_DATABASE": database.superuser_url,
            "BARE_PORT": str(bare_port),
        }
        api = ["-m", "cli.main", "api", "--port", str(port)]
        with (
            serving(api, env, port, home / "api.log") as ours,
            serving(["-m", "benchmarks.tenancy_bare"], bare_env, bare_port, home / "bare.log") as least,
        ):
            asking = Asking(ours, least, rls, plain, queries, everybody)
            await interleaved(asking, 30)
            asking.seconds.clear()
            show_processes(await costs(asking, lambda: interleaved(asking, rounds)))
    return asking


async def interleaved(asking: Asking, rounds: int) -> None:
    chance = random.Random(4)
    for _ in range(rounds):
        tenant, bearer = chance.choice(asking.everybody)
        turns = [(kind, way) for kind in KINDS for way in WAYS]
        chance.shuffle(turns)
        for kind, way in turns:
            await asking.ask(kind, way, tenant, bearer)


async def costs(asking: Asking, work: Callable[[], Awaitable[None]]) -> list[tuple[str, float, float]]:
    """Return CPU milliseconds a request and resident MiB of both servers while `work` is done."""
    servers = (("our API", asking.api), ("bare", asking.bare))
    before = [(server.cpu(), server.requests) for _, server in servers]
    await work()
    return [
        (
            name,
            (server.cpu() - cpu) * 1000 / (server.requests - requests),
            server.process.memory_info().rss / 2**20,
        )
        for (name, server), (cpu, requests) in zip(servers, before, strict=True)
    ]


def show_processes(found: list[tuple[str, float, float]]) -> None:
    for name, cpu, memory in found:
        print(f"  {name:10} {cpu:6.2f} ms of CPU a request, {memory:5.0f} MiB resident", flush=True)


def show(asking: Asking) -> None:
    print(
        f"  {'p50 of pages of 50':20}{'API/bare':>10}{'RLS/page':>10}", *(f"{way:>8}" for way in WAYS), "ms"
    )
    for kind in KINDS:
        api, bare, rls, plain = (asking.p50(kind, way) for way in WAYS)
        ratios = f"{api / bare:>10.2f}{(rls - plain) / api:>10.1%}"
        print(f"  {kind:20}{ratios}", *(f"{value:8.2f}" for value in (api, bare, rls, plain)), flush=True)


def main(sizes: Sequence[int], rounds: int) -> None:
    found: dict[int, Asking] = {}
    with postgres() as superuser_url:
        for size in sizes:
            database = databases.prepare(superuser_url)
            with tempfile.TemporaryDirectory() as home:
                found[size] = asyncio.run(case(database, Path(home), size, rounds))
            show(found[size])
            asyncio.run(databases.drop(database))
    least, most = min(sizes), max(sizes)
    for kind in KINDS:
        grown = found[most].p50(kind, "api") / found[least].p50(kind, "api")
        print(f"{kind}: a page at {most:,} organisations takes {grown:.2f} times one at {least:,}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--organizations", type=int, nargs="+", default=[10, 1_000, 10_000])
    given = parser.parse_args()
    main(given.organizations, given.rounds)
