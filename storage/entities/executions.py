"""Executions of agents: queued, claimed, ended, tried again. The rules are the database's (ADR 0019)."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import edits
from storage.errors import NotThereError
from storage.tables import AgentExecution
from storage.tenancy import Claims

_CLAIM = text("SELECT public.claim_execution(:org, :project, :claim)")


@dataclass(frozen=True)
class Outcome:
    """What came of an execution; `model_used` None: the model that its agent prefers.

    One with an `error_message` has failed, any other succeeded.
    """

    tokens_input: int
    tokens_output: int
    model_used: str | None = None
    output_artifact_id: UUID | None = None
    error_message: str | None = None

    def values(self) -> Mapping[str, object]:
        """Return the columns to be set; what the database fills in is left to it."""
        status = "SUCCESS" if self.error_message is None else "FAILED"
        said = {name: value for name, value in vars(self).items() if value is not None}
        return {"status": status, **said}

    def is_of(self, row: AgentExecution) -> bool:
        """Tell whether `row` ended just so: then somebody says it again."""
        status = {"RETRIED": "FAILED"}.get(row.status, row.status)
        said = {**vars(self), "model_used": self.model_used or row.model_used}
        return status == self.values()["status"] and all(getattr(row, name) == said[name] for name in said)


async def queue(
    session: AsyncSession, claims: Claims, project_id: UUID, agent_id: int, *, max_retries: int
) -> AgentExecution:
    """Return a new execution, at the end of the project's queue."""
    row = insert(AgentExecution).values(
        org_id=claims.org_id,
        id=uuid4(),
        project_id=project_id,
        agent_id=agent_id,
        max_retries=max_retries,
        queued_by=claims.user_id,
    )
    return (await session.scalars(row.returning(AgentExecution))).one()


async def claim(session: AsyncSession, org_id: UUID, project_id: UUID, claim_id: UUID) -> UUID | None:
    """Start the oldest execution that waits, and return its id; None: none waits, or all places are taken.

    A claim that was made before finds what it started.
    """
    named = {"org": org_id, "project": project_id, "claim": claim_id}
    started: UUID | None = await session.scalar(_CLAIM, named)
    return started


async def heartbeat(session: AsyncSession, org_id: UUID, execution_id: UUID) -> AgentExecution:
    """Note that an execution is alive; one that has ended is returned as it is. Fails as `edits.change`."""
    return await _change(session, org_id, execution_id, {"seen_at": func.clock_timestamp()})


async def end(session: AsyncSession, org_id: UUID, execution_id: UUID, outcome: Outcome) -> AgentExecution:
    """Say what came of an execution; said again in the same words, nothing changes.

    Fails as `edits.change` does.
    """
    key = {"org_id": org_id, "id": execution_id}
    row = await edits.locked(session, AgentExecution, key, None)
    if outcome.is_of(row):
        return row
    return await _change(session, org_id, execution_id, outcome.values())


async def retry(session: AsyncSession, org_id: UUID, execution_id: UUID) -> AgentExecution:
    """Return the new execution that tries a failed one again; the same one if asked again.

    Fails as `edits.change` does.
    """
    key = {"org_id": org_id, "id": execution_id}
    row = await edits.locked(session, AgentExecution, key, None)
    if row.status != "RETRIED":
        await _change(session, org_id, execution_id, {"status": "RETRIED"})
    query = select(AgentExecution).where(
        AgentExecution.org_id == org_id, AgentExecution.retry_of == execution_id
    )
    made = (await session.scalars(query)).one_or_none()
    if made is None:
        raise NotThereError("the execution has no retry")
    return made


async def _change(
    session: AsyncSession, org_id: UUID, execution_id: UUID, values: Mapping[str, object]
) -> AgentExecution:
    key = {"org_id": org_id, "id": execution_id}
    return await edits.change(session, AgentExecution, key, None, values)
