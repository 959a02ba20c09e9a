"""For whoever runs agents: an editor, or a machine key with scope `run`. Every request may be sent again."""

from uuid import UUID

from fastapi import Response

from api import etags, problems, routing
from api.answers import answers
from api.caller import Caller, Runner
from api.problems import ProblemError
from api.routes import agents, lookup
from api.schemas import AgentExecution, Claim, ClaimedExecution, Completion, Failure
from storage import tables
from storage.entities import executions as writing
from storage.entities.executions import Outcome
from storage.reading import agents as reading

router = routing.runners_router("/v1", "executions")

_ENDS = answers(problems.NOT_FOUND, problems.EXECUTION_STEP, problems.UNKNOWN_MODEL)


@router.post(
    "/projects/{project_id}/executions/claim",
    response_model=ClaimedExecution,
    responses={**answers(problems.NOT_FOUND), 204: {"description": "none waits, or all places are taken"}},
)
async def claim_execution(caller: Runner, response: Response, project_id: UUID, body: Claim) -> object:
    """Start the execution that has waited longest, and get it with its agent; 204: ask again later.

    As many of a project run at once as the organisation's tier allows (`max_agents_per_project`).
    """
    await _is_theirs(caller, project_id)
    started = await writing.claim(caller.session, caller.org_id, project_id, body.claim_id)
    row = await reading.execution(caller.session, caller.org_id, started) if started else None
    if row is None:
        return Response(status_code=204)
    etags.mark(response, row.version)
    return ClaimedExecution(
        **AgentExecution.model_validate(row).model_dump(), agent=await agents.detail(caller, row.agent_id)
    )


@router.post(
    "/executions/{execution_id}/heartbeat",
    response_model=AgentExecution,
    responses=answers(problems.NOT_FOUND),
)
async def heartbeat(caller: Runner, response: Response, execution_id: UUID) -> object:
    """Say that an execution is alive. One that is silent for `AUGENTIS_EXECUTION_TIMEOUT` has failed.

    The answer is the execution as it stands: one that is not RUNNING any more is not to be gone on with.
    """
    return _sent(response, await writing.heartbeat(caller.session, caller.org_id, execution_id))


@router.post("/executions/{execution_id}/complete", response_model=AgentExecution, responses=_ENDS)
async def complete_execution(
    caller: Runner, response: Response, execution_id: UUID, body: Completion
) -> object:
    """Say that an execution has succeeded, and what it used; the database reckons its cost."""
    return await _ended(caller, response, execution_id, Outcome(**body.model_dump()))


@router.post("/executions/{execution_id}/fail", response_model=AgentExecution, responses=_ENDS)
async def fail_execution(caller: Runner, response: Response, execution_id: UUID, body: Failure) -> object:
    """Say that an execution has failed, why, and what it used until then."""
    return await _ended(caller, response, execution_id, Outcome(**body.model_dump()))


@router.post(
    "/executions/{execution_id}/retry",
    status_code=201,
    response_model=AgentExecution,
    responses=answers(
        problems.NOT_FOUND, problems.EXECUTION_STEP, problems.RETRIES_USED, problems.AGENT_INACTIVE
    ),
)
async def retry_execution(caller: Runner, response: Response, execution_id: UUID) -> object:
    """Queue a failed execution anew: a row of its own, at the end of the queue. Asked again: the same one."""
    row = await writing.retry(caller.session, caller.org_id, execution_id)
    etags.created(response, f"/v1/executions/{row.id}", row.version)
    return row


async def _is_theirs(caller: Caller, project_id: UUID) -> None:
    # A key that may run and nothing else sees no project, its own neither.
    if caller.project_id is None:
        await lookup.project(caller, project_id)
    elif caller.project_id != project_id:
        raise ProblemError(problems.NOT_FOUND, "there is no such project")


async def _ended(caller: Caller, response: Response, execution_id: UUID, outcome: Outcome) -> object:
    return _sent(response, await writing.end(caller.session, caller.org_id, execution_id, outcome))


def _sent(response: Response, row: tables.AgentExecution) -> tables.AgentExecution:
    etags.mark(response, row.version)
    return row
