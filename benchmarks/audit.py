"""What the audit log costs whoever writes: `make bench-audit`.

Projects, drafts of artifacts and tags, by the storage functions in a session as a request has it, on a
PostgreSQL that waits for its disk; with the audit triggers and without them, in turn, in one run. HTTP, which
costs the same with and without, is left out. Quote the ratios. `--url` names a superuser on a server instead.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import cycle, islice
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from benchmarks.tenancy import postgres
from storage.database import API_SESSION, engine
from storage.entities import artifacts, projects, versions
from storage.entities.artifacts import Name
from storage.reading import people
from storage.tenancy import About, Claims, TenantSessions
from tests import databases
from tests.databases import SECRET, Database
from tests.teams import gathered

# Writers, and organisations that they are in: those of one queue for its chain while it commits.
CASES = ((1, 1), (4, 1), (4, 4))
PROBLEM = "It takes too long to pay, and half of those who begin do not end."
CONTENT = {"title": "Checkout", "sections": [{"heading": f"Part {n}", "text": PROBLEM} for n in range(8)]}
ABOUT = About("as agreed", "203.0.113.7", "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0")
TRIGGERS = """SELECT tgrelid::regclass::text, tgname FROM pg_trigger
              WHERE tgfoid = 'auth.audit()'::regprocedure AND tgparentid = 0"""


class Writer:
    """Makes a project, two drafts in it and a tag on each, over and over: a transaction each."""

    def __init__(self, sessions: TenantSessions, claims: Claims, workspace: UUID) -> None:
        self._sessions, self._claims, self._workspace = sessions, claims, workspace
        self.done = 0

    async def write(self, until: float) -> None:
        while time.perf_counter() < until:
            project = UUID(int=0)

            async def make(name: str = str(uuid4())) -> None:
                nonlocal project
                made = await projects.create(
                    self._session, self._claims, self._workspace, name=name, problem_statement=PROBLEM
                )
                assert made
                project = made

            await self._one(make)
            for kind in ("PRD", "GTM"):
                await self._draft(project, kind)

    async def _draft(self, project: UUID, kind: str) -> None:
        draft = UUID(int=0)

        async def make() -> None:
            nonlocal draft
            made = await artifacts.create_version(
                self._session, self._claims, project, Name(kind, ""), content=CONTENT, evidence_tier="E0"
            )
            draft = made.id

        async def tag() -> None:
            await versions.tag(self._session, self._claims.org_id, draft, "vrc_gate_submission")

        await self._one(make)
        await self._one(tag)

    async def _one(self, work: Callable[[], Awaitable[None]]) -> None:
        async with self._sessions.open(self._claims, about=ABOUT) as session:
            self._session = session
            await people.standing(session, self._claims)
            await work()
        self.done += 1


async def rate(database: Database, writers: int, organisations: int, seconds: float) -> float:
    """Return transactions a second of so many writers in so many organisations, each with its chain."""
    teams = [await gathered(database, ann="ADMIN") for _ in range(organisations)]
    for team in teams:
        await team.fetch("UPDATE organization SET subscription_tier = 'ENTERPRISE' WHERE id = $1", team.org)
    api = engine(database.api_url, session=API_SESSION, pool_size=writers)
    sessions = TenantSessions(api, SECRET)
    found = [Writer(sessions, team.claims("ann"), team.workspace) for team in islice(cycle(teams), writers)]
    warm = time.perf_counter() + seconds / 4
    await asyncio.gather(*(writer.write(warm) for writer in found))
    before, began = sum(writer.done for writer in found), time.perf_counter()
    await asyncio.gather(*(writer.write(began + seconds) for writer in found))
    done = (sum(writer.done for writer in found) - before) / (time.perf_counter() - began)
    await api.dispose()
    return done


async def switch(superuser: asyncpg.Connection, *, on: bool) -> None:
    for table, trigger in await superuser.fetch(TRIGGERS):
        await superuser.execute(f"ALTER TABLE {table} {'ENABLE' if on else 'DISABLE'} TRIGGER {trigger}")


async def compared(database: Database, writers: int, organisations: int, rounds: int, seconds: float) -> None:
    rates: dict[bool, list[float]] = {True: [], False: []}
    async with database.superuser() as superuser:
        for number in range(2 * rounds):
            # ABBA: what drifts, drifts in both.
            on = number % 4 in {0, 3}
            await switch(superuser, on=on)
            rates[on].append(await rate(database, writers, organisations, seconds))
        await switch(superuser, on=True)
    with_, without = (statistics.median(rates[on]) for on in (True, False))
    pairs = [1 - one / other for one, other in zip(rates[True], rates[False], strict=True)]
    print(
        f"writers {writers}, organisations {organisations}: {without:7.0f} transactions/s without,"
        f" {with_:7.0f} with the log: {1 - with_ / without:6.1%} lost"
        f" (pairs {min(pairs):.1%} to {max(pairs):.1%})",
        flush=True,
    )


async def case(database: Database, rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as home:
        await databases.migrated(database, Path(home))
    for writers, organisations in CASES:
        await compared(database, writers, organisations, rounds, seconds)


def main(url: str | None, rounds: int, seconds: float) -> None:
    if url is not None:
        measured(url, rounds, seconds)
        return
    with postgres() as superuser_url:
        measured(superuser_url, rounds, seconds)


def measured(superuser_url: str, rounds: int, seconds: float) -> None:
    database = databases.prepare(superuser_url)
    try:
        asyncio.run(case(database, rounds, seconds))
    finally:
        asyncio.run(databases.drop(database))
        asyncio.run(databases.remove_logins(database))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--url")
    given = parser.parse_args()
    main(given.url, given.rounds, given.seconds)
