"""A report of a team's own, and those who see to it: people, and the worker."""

import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from storage import tables
from storage.database import engine
from storage.entities import handling
from storage.errors import NotAllowedError
from storage.tenancy import TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import DENIED, sqlstate
from tests.world import HOUR, Place, assumption, report

Change = dict[str, object]
SOON = datetime.now(UTC) + timedelta(days=1)
ACK, UNACK = handling.acknowledged(yes=True), handling.acknowledged(yes=False)
SNOOZE, WAKE = handling.snoozed(SOON), handling.snoozed(None)
RESOLVE, REOPEN = handling.resolved("as planned"), handling.reopened("not as planned")
TOLD = """SELECT kind, actor_kind, actor_id, body, sequence FROM report_event
          WHERE report_id = $1 ORDER BY sequence"""


class Event(NamedTuple):
    """One line of a timeline; `actor` None: the system."""

    kind: str
    actor: UUID | None
    body: dict[str, Any]


@dataclass(frozen=True)
class Desk:
    """Ann administers, max edits, eve edits though a VIEWER; cem and zoe comment, vic and max2 look."""

    team: Team
    sessions: TenantSessions
    place: Place
    worker: asyncpg.Connection

    async def act(self, who: str, change: Change, expected: frozenset[int] | None = None) -> None:
        async with self.sessions.open(self.team.claims(who)) as session:
            await handling.handle(session, self.team.org, self.place.report, expected, change)

    async def comment(self, who: str, text: str) -> None:
        async with self.sessions.open(self.team.claims(who)) as session:
            await handling.comment(session, self.team.org, self.place.project, self.place.report, text)

    async def data(self, **said: object) -> None:
        """Let detection say something of the report, as the worker's role."""
        setting = ", ".join(f"{name} = ${number}" for number, name in enumerate(said, 2))
        statement = f"UPDATE divergence_report SET {setting} WHERE id = $1"
        await self.worker.execute(statement, self.place.report, *said.values())

    async def row(self) -> dict[str, Any]:
        async with self.team.database.superuser() as connection:
            query = "SELECT * FROM divergence_report WHERE id = $1"
            [row] = await connection.fetch(query, self.place.report)
            return dict(row)

    async def timeline(self) -> list[Event]:
        found = await self.team.fetch(TOLD, self.place.report)
        assert [row[4] for row in found] == list(range(1, len(found) + 1)), "in order, without a gap"
        assert all((kind == "system") == (actor is None) for _, kind, actor, _, _ in found)
        return [Event(kind, actor, json.loads(body)) for kind, _, actor, body, _ in found]

    async def kinds(self) -> list[str]:
        return [event.kind for event in await self.timeline()]


@asynccontextmanager
async def desk(shared: Database, **more: str) -> AsyncIterator[Desk]:
    people = {"ann": "ADMIN", "max": "MEMBER", "cem": "MEMBER", "max2": "MEMBER"}
    team = await gathered(shared, **people, vic="VIEWER", eve="VIEWER", zoe="VIEWER", **more)
    roles = {"cem": "COMMENTER", "zoe": "COMMENTER", "eve": "EDITOR", "max2": "VIEWER"}
    for who, role in roles.items():
        await team.grant(who, role)
    place = Place(team.org, team.workspace, team.project)
    artifact = tables.Artifact(
        org_id=team.org, project_id=team.project, id=place.artifact, type="PRD", created_by=team.people["ann"]
    )
    mighty = engine(shared.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        for row in (artifact, assumption(place), report(place, HOUR, id=place.report)):
            session.add(row)
            await session.flush()
    worker = await asyncpg.connect(shared.worker_url)
    try:
        async with shared.sessions() as sessions:
            yield Desk(team, sessions, place, worker)
    finally:
        await worker.close()


async def outcome(attempt: Awaitable[object]) -> str:
    """Return the SQLSTATE of a refusal, 'denied', or '' where it was done."""
    try:
        await attempt
    except DBAPIError as error:
        return "denied" if sqlstate(error) == DENIED else str(sqlstate(error))
    except NotAllowedError:
        return "denied"
    return ""
