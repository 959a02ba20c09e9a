"""A project at its gate, in an organisation of the test's own."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import gates
from storage.tables import PhaseGateDecision
from storage.tenancy import TenantSessions
from tests.databases import Database
from tests.teams import Team, gathered
from tests.tenancy.asking import sqlstate
from tests.world import indicators

AT = {"VRC": "DISCOVER", "VCD": "DEFINE", "DSP": "DESIGN", "MDP": "DEVELOP"}
SIZES = {"VRC": 20, "VCD": 10, "DSP": 8, "MDP": 6}
STATUS = {"PASS": "PASSED", "CONDITIONAL": "CONDITIONAL", "FAIL": "FAILED"}
CHECKED = "23514"
INSERT = """INSERT INTO phase_gate_decision (org_id, id, project_id, phase, indicators, rationale)
            VALUES (:org, :id, :project, :phase, CAST(:indicators AS jsonb), 'as it was found')"""
REST = """INSERT INTO gate_artifact (org_id, project_id, gate_decision_id, artifact_id)
          VALUES (:org, :project, :id, :artifact)"""


@dataclass(frozen=True)
class Site:
    """Ann administers it, eva edits the project by name, max is a MEMBER, vic a VIEWER; `artifact` has E2."""

    team: Team
    sessions: TenantSessions
    artifact: UUID

    @property
    def database(self) -> Database:
        return self.team.database

    async def decide(self, phase: str, total: int, who: str = "eva", **more: Any) -> PhaseGateDecision:
        """Return a decision on indicators whose scores come to `total`, by somebody, committed."""
        claims = self.team.claims(who)
        given = {"artifact_ids": [self.artifact], "rationale": "as it was found", **more}
        async with self.sessions.open(claims) as session:
            return await gates.decide(
                session,
                claims,
                self.team.project,
                phase=phase,
                indicators=indicators(SIZES[phase], total),
                **given,
            )

    async def tried(self, phase: str, total: int, who: str = "eva", **more: Any) -> str | None:
        """Try the same, and return the SQLSTATE that refused it."""
        try:
            await self.decide(phase, total, who, **more)
        except DBAPIError as error:
            return sqlstate(error)
        return None

    async def override(self, decision: UUID, reason: str | None = "we know better", who: str = "ann") -> Any:
        async with self.sessions.open(self.team.claims(who)) as session:
            return await gates.override(session, self.team.org, decision, None, reason or "")

    async def refused(self, decision: UUID, reason: str | None = "we know better", who: str = "ann") -> Any:
        """Try to override it, and return the SQLSTATE that refused that, or the error's name."""
        try:
            await self.override(decision, reason, who)
        except DBAPIError as error:
            return sqlstate(error)
        return None

    async def stands(self) -> tuple[str, str]:
        """Return the project's phase and status."""
        query = "SELECT phase, status FROM project WHERE org_id = $1 AND id = $2"
        ((phase, status),) = await self.team.fetch(query, self.team.org, self.team.project)
        return phase, status

    async def put(self, phase: str) -> None:
        """Put the project into a phase, as nobody of ours could."""
        query = "UPDATE project SET phase = $3, status = 'IN_PROGRESS' WHERE org_id = $1 AND id = $2"
        await self.team.fetch(query, self.team.org, self.team.project, phase)

    async def versioned(self, evidence: str | None, count: int = 1, *, tier: str = "E0") -> UUID:
        """Return a new artifact that claims `tier`, with reviewed evidence of this source behind it."""
        artifact = uuid4()
        await self.team.fetch(
            """INSERT INTO artifact (org_id, id, project_id, type, key, evidence_tier, created_by)
               VALUES ($1, $2, $3, 'PRD', $4, $5, $6)""",
            *(self.team.org, artifact, self.team.project, f"prd {artifact}", tier, self.team.people["eva"]),
        )
        if evidence:
            await self.piece(artifact, evidence, count)
        return artifact

    async def piece(self, artifact: UUID, source: str, count: int) -> UUID:
        """Return a piece of evidence, made by eva and reviewed by ann."""
        evidence = uuid4()
        await self.team.fetch(
            """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                   evidence_count, url_or_reference, created_by, escalation_status, reviewed_by, reviewed_at)
               VALUES ($1, $2, $3, $4, $5, 80, $6, 'a study', $7, 'ESCALATED', $8, now())""",
            *(self.team.org, evidence, self.team.project, artifact, source, count),
            *(self.team.people["eva"], self.team.people["ann"]),
        )
        return evidence

    def named(self, phase: str = "VRC", total: int = 1200, **more: Any) -> dict[str, Any]:
        """Return what INSERT and REST take."""
        sizes = json.dumps(indicators(SIZES[phase], total))
        of = {"org": self.team.org, "project": self.team.project, "artifact": self.artifact}
        return {**of, "id": uuid4(), "phase": phase, "indicators": sizes, **more}


@asynccontextmanager
async def founded(database: Database) -> AsyncIterator[Site]:
    """Yield a new site; its project is in DISCOVER."""
    team = await gathered(database, ann="ADMIN", eva="MEMBER", max="MEMBER", vic="VIEWER", cem="MEMBER")
    await team.grant("eva", "EDITOR")
    await team.grant("cem", "COMMENTER")
    async with database.sessions() as sessions:
        site = Site(team, sessions, uuid4())
        yield Site(team, sessions, await site.versioned("market_research"))


async def run(session: AsyncSession, statement: str, **named: Any) -> str | None:
    """Run a statement in a savepoint of its own; return the SQLSTATE that refused it."""
    used = {name: value for name, value in named.items() if f":{name}" in statement}
    try:
        async with session.begin_nested():
            await session.execute(text(statement), used)
    except DBAPIError as error:
        return sqlstate(error)
    return None
