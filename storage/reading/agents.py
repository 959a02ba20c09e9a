"""The catalogue of agents, prices of models, and executions as they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import Agent, AgentExecution, AgentTool, ModelPrice

AGENT_ORDERS: Orders = {"id": (Agent.id,), "name": (Agent.name, Agent.id)}
PRICE_ORDERS: Orders = {
    "model": (ModelPrice.model, ModelPrice.effective_from),
    "effective_from": (ModelPrice.effective_from, ModelPrice.model),
}
EXECUTION_ORDERS: Orders = {"created_at": (AgentExecution.created_at, AgentExecution.id)}


class Whole(NamedTuple):
    """An agent with its tools, by name."""

    agent: Agent
    tools: Sequence[AgentTool]


@dataclass(frozen=True)
class Wanted:
    """Which executions: None says all; `since` is about `created_at`, inclusive."""

    status: str | None = None
    agent_id: int | None = None
    phase: str | None = None
    since: datetime | None = None


async def catalogue(
    session: AsyncSession, part: Slice, *, phase: str | None, is_active: bool | None
) -> list[Agent]:
    """Return a part of the catalogue: of a phase, switched on or off; None says all."""
    query = select(Agent)
    query = _filtered(query, ((Agent.phase, phase), (Agent.is_active, is_active)))
    return await page(session, query, part)


async def agent(session: AsyncSession, agent_id: int) -> Whole | None:
    """Return one agent with its tools."""
    found = (await session.scalars(select(Agent).where(Agent.id == agent_id))).one_or_none()
    if found is None:
        return None
    query = select(AgentTool).where(AgentTool.agent_id == agent_id).order_by(AgentTool.tool_name)
    return Whole(found, (await session.scalars(query)).all())


async def prices(session: AsyncSession, model: str | None, part: Slice) -> list[ModelPrice]:
    """Return a part of the prices of a model, or of all, in force, past and to come."""
    return await page(session, _filtered(select(ModelPrice), ((ModelPrice.model, model),)), part)


async def executions(
    session: AsyncSession, org_id: UUID, project_id: UUID, wanted: Wanted, part: Slice
) -> list[AgentExecution]:
    """Return a part of the project's executions."""
    query = select(AgentExecution).where(
        AgentExecution.org_id == org_id, AgentExecution.project_id == project_id
    )
    query = _filtered(
        query,
        (
            (AgentExecution.status, wanted.status),
            (AgentExecution.agent_id, wanted.agent_id),
            (AgentExecution.phase, wanted.phase),
        ),
    )
    if wanted.since:
        query = query.where(AgentExecution.created_at >= wanted.since)
    return await page(session, query, part)


async def execution(session: AsyncSession, org_id: UUID, execution_id: UUID) -> AgentExecution | None:
    """Return one execution, if it is there and within sight."""
    query = select(AgentExecution).where(AgentExecution.org_id == org_id, AgentExecution.id == execution_id)
    return (await session.scalars(query)).one_or_none()


def _filtered(query: Select[Any], filters: Sequence[tuple[Any, object]]) -> Select[Any]:
    for column, value in filters:
        if value is not None:
            query = query.where(column == value)
    return query
