"""Two versions that contradict each other are not both approved, however close together."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from detectors.assumptions import ContentError
from storage.entities import agreement, approval, artifacts
from storage.entities.artifacts import Name
from storage.tenancy import TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BRIEFLY = 0.3


def assumption(operator: str, value: float) -> dict[str, Any]:
    return {"key": "adoption", "metric_name": "user_adoption", "operator": operator, "value": value}


async def draft(sessions: TenantSessions, team: Team, key: str, *assumptions: dict[str, Any]) -> UUID:
    async with sessions.open(team.claims("ann")) as session:
        made = await artifacts.create_version(
            session,
            team.claims("ann"),
            team.project,
            Name("PRD", key),
            content={"assumptions": list(assumptions)},
            evidence_tier="E0",
        )
        return made.id


async def approve(session: AsyncSession, team: Team, version: UUID) -> None:
    await agreement.agree(session, await approval.approve(session, team.org, version, NOW))


async def test_the_second_waits_for_the_first_and_is_told_of_it(shared: Database):
    team = await gathered(shared, ann="ADMIN")
    async with shared.sessions() as sessions:
        high = await draft(sessions, team, "high", assumption(">=", 60))
        low = await draft(sessions, team, "low", assumption("<=", 50))

        async def second() -> None:
            async with sessions.open(team.claims("ann")) as session:
                await approve(session, team, low)

        async with sessions.open(team.claims("ann")) as session:
            await approve(session, team, high)
            waiting = asyncio.create_task(second())
            assert await asyncio.wait({waiting}, timeout=BRIEFLY) == (set(), {waiting})
        with pytest.raises(ContentError, match=r"<= 50 contradicts 'adoption' of PRD 'high' version 1"):
            await waiting
    assert await team.fetch("SELECT value FROM assumption WHERE org_id = $1", team.org) == [(60.0,)]
