from collections.abc import Iterator
from datetime import datetime
from typing import cast

from client.records import Agent, AgentDetail, AgentExecution, ClaimedExecution, ModelPrice
from client.requests import Id, Requests


class Agents(Requests):
    """The catalogue of agents, and what they are to do."""

    def agents(
        self, *, phase: str | None = None, is_active: bool | None = None, sort: str | None = None
    ) -> Iterator[Agent]:
        """The 26 agents of the catalogue, by id."""
        return cast("Iterator[Agent]", self._list("/agents", phase=phase, is_active=is_active, sort=sort))

    def agent(self, agent_id: int) -> AgentDetail:
        """One agent with its prompt and tools."""
        return cast("AgentDetail", self._get(f"/agents/{agent_id}"))

    def model_prices(self, *, model: str | None = None, sort: str | None = None) -> Iterator[ModelPrice]:
        """What models cost since when."""
        return cast("Iterator[ModelPrice]", self._list("/model-prices", model=model, sort=sort))

    def executions(
        self,
        project_id: Id,
        *,
        status: str | None = None,
        agent_id: int | None = None,
        phase: str | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[AgentExecution]:
        """The project's executions, newest first."""
        path = f"/projects/{project_id}/executions"
        rows = self._list(path, status=status, agent_id=agent_id, phase=phase, since=since, sort=sort)
        return cast("Iterator[AgentExecution]", rows)

    def execution(self, execution_id: Id) -> AgentExecution:
        """How an execution stands."""
        return cast("AgentExecution", self._get(f"/executions/{execution_id}"))

    def queue_execution(
        self, project_id: Id, agent_id: int, *, max_retries: int = 3, idempotency_key: str | None = None
    ) -> AgentExecution:
        """Queue an agent for the project."""
        body = {"agent_id": agent_id, "max_retries": max_retries}
        made = self._post(f"/projects/{project_id}/executions", body, idempotency_key)
        return cast("AgentExecution", made)

    def claim_execution(self, project_id: Id, claim_id: Id) -> ClaimedExecution | None:
        """Start what has waited longest; None: nothing waits, or all places are taken.

        Sent again with the same `claim_id`, it gives what it gave.
        """
        started = self._post(f"/projects/{project_id}/executions/claim", {"claim_id": claim_id}, None)
        return cast("ClaimedExecution | None", started)

    def heartbeat(self, execution_id: Id) -> AgentExecution:
        """Say that an execution is alive; one that is not RUNNING any more is to be left."""
        return cast("AgentExecution", self._post(f"/executions/{execution_id}/heartbeat", {}, None))

    def complete_execution(
        self,
        execution_id: Id,
        tokens_input: int,
        tokens_output: int,
        *,
        model_used: str | None = None,
        output_artifact_id: Id | None = None,
    ) -> AgentExecution:
        """Say that an execution has succeeded; its cost is in the answer."""
        body = {
            "tokens_input": tokens_input,
            "tokens_output": tokens_output,
            "model_used": model_used,
            "output_artifact_id": output_artifact_id,
        }
        return cast("AgentExecution", self._post(f"/executions/{execution_id}/complete", body, None))

    def fail_execution(
        self,
        execution_id: Id,
        error_message: str,
        *,
        tokens_input: int = 0,
        tokens_output: int = 0,
        model_used: str | None = None,
    ) -> AgentExecution:
        """Say that an execution has failed, and why."""
        body = {
            "error_message": error_message,
            "tokens_input": tokens_input,
            "tokens_output": tokens_output,
            "model_used": model_used,
        }
        return cast("AgentExecution", self._post(f"/executions/{execution_id}/fail", body, None))

    def retry_execution(self, execution_id: Id) -> AgentExecution:
        """Queue a failed execution anew; the answer is the new one."""
        return cast("AgentExecution", self._post(f"/executions/{execution_id}/retry", {}, None))
