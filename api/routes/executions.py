"""What agents are to do, and what they did."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query, Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Editor, Member
from api.paging import Page, Paging
from api.parameters import Since, sorts
from api.problems import ProblemError
from api.routes import lookup
from api.schemas import AgentExecution, NewExecution
from api.schemas.agents import ExecutionStatus, Phase
from storage.entities import executions as writing
from storage.reading import agents
from storage.reading.pages import Orders

router = routing.router("/v1", "executions")


class ExecutionFilters(Paging):
    """Which executions; `since` is about `created_at`."""

    orders: ClassVar[Orders] = agents.EXECUTION_ORDERS

    status: ExecutionStatus | None = None
    agent_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
    phase: Phase | None = None
    since: Since | None = None
    sort: Annotated[str, sorts(agents.EXECUTION_ORDERS)] = "-created_at"


@router.post(
    "/projects/{project_id}/executions",
    status_code=201,
    response_model=AgentExecution,
    responses=answers(problems.NOT_FOUND, problems.AGENT_INACTIVE),
)
async def queue_execution(caller: Editor, response: Response, project_id: UUID, body: NewExecution) -> object:
    """Queue an agent for a project. A runner starts it when it is its turn and a place is free."""
    await lookup.project(caller, project_id)
    row = await writing.queue(
        caller.session, caller.claims, project_id, body.agent_id, max_retries=body.max_retries
    )
    etags.created(response, f"/v1/executions/{row.id}", row.version)
    return row


@router.get(
    "/projects/{project_id}/executions",
    response_model=Page[AgentExecution],
    responses=answers(problems.NOT_FOUND),
)
async def list_executions(
    caller: Member, project_id: UUID, filters: Annotated[ExecutionFilters, Query()]
) -> object:
    """List a project's executions, newest first unless `sort` says otherwise."""
    await lookup.project(caller, project_id)
    wanted = agents.Wanted(filters.status, filters.agent_id, filters.phase, filters.since)
    rows = await agents.executions(caller.session, caller.org_id, project_id, wanted, filters.part())
    return filters.page(rows, AgentExecution)


@router.get(
    "/executions/{execution_id}", response_model=AgentExecution, responses=answers(problems.NOT_FOUND)
)
async def read_execution(caller: Member, response: Response, execution_id: UUID) -> object:
    """Read how an execution stands."""
    row = await agents.execution(caller.session, caller.org_id, execution_id)
    if row is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such execution")
    seen = int(row.seen_at.timestamp()) if row.seen_at else 0
    etags.mark(response, row.version, seen)
    return row
