"""A team whose project has a queue of agents, for tests of what the database makes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.database import engine
from storage.entities import executions, keys
from storage.entities.executions import Outcome
from storage.tables import AgentExecution
from storage.tenancy import AnyClaims, Claims, KeyClaims, TenantSessions
from tests.databases import SECRET, Database
from tests.teams import Team, gathered
from tests.tenancy.asking import sqlstate

DONE = Outcome(1000, 500, "gpt-4")
AWAY = Outcome(10, 0, "gpt-4", error_message="the model was away")


@dataclass(frozen=True)
class Queue:
    """Ann edits the project; what she asks for is committed."""

    team: Team
    sessions: TenantSessions

    @property
    def ann(self) -> Claims:
        return self.team.claims("ann")

    async def add(self, agent_id: int = 1, *, max_retries: int = 3) -> UUID:
        async with self.sessions.open(self.ann) as session:
            row = await executions.queue(
                session, self.ann, self.team.project, agent_id, max_retries=max_retries
            )
        return row.id

    async def claim(self, claim_id: UUID | None = None, claims: AnyClaims | None = None) -> UUID | None:
        async with self.sessions.open(claims or self.ann) as session:
            return await executions.claim(session, self.team.org, self.team.project, claim_id or uuid4())

    async def end(self, execution: UUID, outcome: Outcome = DONE) -> AgentExecution:
        async with self.sessions.open(self.ann) as session:
            return await executions.end(session, self.team.org, execution, outcome)

    async def retry(self, execution: UUID) -> AgentExecution:
        async with self.sessions.open(self.ann) as session:
            return await executions.retry(session, self.team.org, execution)

    async def set(self, execution: UUID, what: str, claims: AnyClaims | None = None) -> str | int:
        """Run an UPDATE as the API's role, and return how many rows it touched or the SQLSTATE."""
        statement = text(f"UPDATE agent_execution SET {what} WHERE org_id = :org AND id = :id RETURNING id")
        try:
            async with self.sessions.open(claims or self.ann) as session:
                named = {"org": self.team.org, "id": execution}
                return len((await session.execute(statement, named)).all())
        except DBAPIError as error:
            return str(sqlstate(error))

    async def in_order(self, status: str) -> list[UUID]:
        query = """SELECT id FROM agent_execution WHERE org_id = $1 AND project_id = $2 AND status = $3
                   ORDER BY created_at, id"""
        return [row[0] for row in await self.team.fetch(query, self.team.org, self.team.project, status)]

    async def field(self, execution: UUID, name: str) -> object:
        ((value,),) = await self.team.fetch(f"SELECT {name} FROM agent_execution WHERE id = $1", execution)
        return value

    async def key(self, *scopes: str) -> KeyClaims:
        async with self.sessions.open(self.ann) as session:
            key_id, _ = await keys.create(session, self.ann, self.team.project, "runner", scopes=scopes)
        return KeyClaims(key_id, self.team.org)


@asynccontextmanager
async def queue(database: Database, tier: str = "ENTERPRISE", connections: int = 2) -> AsyncIterator[Queue]:
    """Yield an empty queue of a new organisation with this tier."""
    team = await gathered(database, ann="ADMIN", vic="VIEWER")
    await team.fetch("UPDATE organization SET subscription_tier = $2 WHERE id = $1", team.org, tier)
    api = engine(database.api_url, pool_size=connections)
    try:
        yield Queue(team, TenantSessions(api, SECRET))
    finally:
        await api.dispose()
