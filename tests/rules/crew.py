"""A team that adds evidence to an artifact and reviews it, in an organisation of the test's own."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import artifacts, evidence
from storage.entities.artifacts import Name
from storage.tables import Artifact, Evidence
from storage.tenancy import TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import sqlstate

LINK = "https://analyst.example/checkout"


class Crew(NamedTuple):
    """A team with an artifact of ann's; max edits too, vic looks."""

    team: Team
    sessions: TenantSessions
    artifact: UUID

    @asynccontextmanager
    async def acting(self, who: str) -> AsyncIterator[AsyncSession]:
        async with self.sessions.open(self.team.claims(who)) as session:
            yield session

    async def add(self, who: str, source: str = "interview", count: int = 5) -> Evidence:
        async with self.acting(who) as session:
            found = await session.get_one(Artifact, (self.team.org, self.artifact))
            values = {"confidence_score": 50, "evidence_count": count, "url_or_reference": LINK}
            return await evidence.add(session, self.team.claims(who), found, source=source, **values)

    async def step(self, who: str, piece: Evidence, status: str) -> Evidence:
        async with self.acting(who) as session:
            return await evidence.step(session, self.team.org, piece.id, None, status)

    async def in_review(self, who: str, source: str = "interview", count: int = 5) -> Evidence:
        return await self.step(who, await self.add(who, source, count), "IN_REVIEW")

    async def tier(self) -> str:
        query = "SELECT evidence_tier FROM artifact WHERE id = $1"
        [(tier,)] = await self.team.fetch(query, self.artifact)
        return str(tier)

    async def told(self) -> list[Any]:
        """The log's entries that are no CREATE, oldest first."""
        return await self.team.fetch(
            """SELECT action, resource_type, resource_id, actor_id, changes_before, changes_after
               FROM audit_log WHERE org_id = $1 AND action <> 'CREATE' ORDER BY timestamp""",
            self.team.org,
        )


@asynccontextmanager
async def crew(shared: Database, *, approved: bool = False, tier: str = "E0") -> AsyncIterator[Crew]:
    team = await gathered(shared, ann="ADMIN", max="MEMBER", vic="VIEWER")
    claims = team.claims("ann")
    async with shared.sessions() as sessions:
        async with sessions.open(claims) as session:
            name = Name("PRD", "checkout")
            made = await artifacts.create_version(
                session, claims, team.project, name, content={}, evidence_tier=tier
            )
            for status in ("REVIEW", "APPROVED") if approved else ():
                await session.execute(
                    text("UPDATE artifact SET status = :status WHERE id = :id"),
                    {"status": status, "id": made.id},
                )
        yield Crew(team, sessions, made.id)


async def refused(attempt: Awaitable[Any]) -> str | None:
    with pytest.raises(DBAPIError) as caught:
        await attempt
    return sqlstate(caught.value)
