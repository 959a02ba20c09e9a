"""Agents, what they cost and what they did; times are text in RFC 3339, UTC, money is text in US dollars."""

from typing import Any, TypedDict


class Agent(TypedDict):
    """An agent of the catalogue, the same for everybody."""

    id: int
    name: str
    phase: str
    agent_type: str
    description: str
    model_preference: str
    avg_tokens_input: int
    avg_tokens_output: int
    cost_per_execution_usd: str
    is_active: bool
    created_at: str
    updated_at: str


class AgentTool(TypedDict):
    """What an agent may use, and within which bounds."""

    tool_name: str
    tool_config: dict[str, Any]


class AgentDetail(Agent):
    """An agent with its prompt and tools."""

    system_prompt: str
    tools: list[AgentTool]


class ModelPrice(TypedDict):
    """What a model costs per million tokens, from a moment on."""

    model: str
    effective_from: str
    input_per_million: str
    output_per_million: str
    created_at: str


class AgentExecution(TypedDict):
    """One run of an agent: QUEUED, RUNNING, SUCCESS, FAILED or RETRIED."""

    id: str
    org_id: str
    project_id: str
    agent_id: int
    phase: str
    status: str
    started_at: str | None
    completed_at: str | None
    tokens_input: int | None
    tokens_output: int | None
    cost_usd: str | None
    input_per_million: str | None
    output_per_million: str | None
    model_used: str | None
    output_artifact_id: str | None
    error_message: str | None
    retry_count: int
    max_retries: int
    retry_of: str | None
    claim_id: str | None
    queued_by: str
    claimed_by: str | None
    seen_at: str | None
    created_at: str
    updated_at: str
    version: int


class ClaimedExecution(AgentExecution):
    """An execution to be run now, with its agent."""

    agent: AgentDetail
