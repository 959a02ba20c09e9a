from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from api.parameters import Name, OneOf
from api.schemas.base import Asked, Exact, Sent, Versioned
from storage.tables.agents import AGENT_TYPES, EXECUTION_STATUSES, MOST_RETRIES
from storage.tables.product import PHASES

Phase = Annotated[str, OneOf(PHASES)]
ExecutionStatus = Annotated[str, OneOf(EXECUTION_STATUSES)]
_MOST = 2**31 - 1
Tokens = Annotated[int, Field(ge=0, le=_MOST, strict=True, examples=[1200])]
_PRICE = "US dollars per million tokens, as text: no digit is lost"
_COST = "US dollars with twelve decimals, as text: no digit is lost"
_MODEL = Field(examples=["gpt-4"])


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("say what went wrong")
    return text


class Agent(Sent):
    """An agent of the master catalogue, the same for everybody; `cost_per_execution_usd` is an average."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["Problem Validator"])
    phase: Phase
    agent_type: Annotated[str, OneOf(AGENT_TYPES)]
    description: str
    model_preference: str = _MODEL
    avg_tokens_input: int = Field(examples=[1800])
    avg_tokens_output: int = Field(examples=[900])
    cost_per_execution_usd: Exact = Field(description=_COST, examples=["0.108000000000"])
    is_active: bool = Field(description="false: the operator switched it off, and it cannot be queued")
    created_at: datetime
    updated_at: datetime


class AgentTool(Sent):
    """What an agent may use, and within which bounds."""

    tool_name: str = Field(examples=["web_search"])
    tool_config: dict[str, Any] = Field(examples=[{"max_queries": 20}])


class AgentDetail(Agent):
    """An agent with all that whoever runs it has to know."""

    system_prompt: str
    tools: list[AgentTool]


class ModelPrice(Sent):
    """What a model costs from a moment on, until the next price of it."""

    model: str = _MODEL
    effective_from: datetime
    input_per_million: Exact = Field(description=_PRICE, examples=["30.000000"])
    output_per_million: Exact = Field(description=_PRICE, examples=["60.000000"])
    created_at: datetime


class AgentExecution(Versioned):
    """One run of an agent. Its cost is the database's, by the prices in force when it started."""

    id: UUID
    org_id: UUID
    project_id: UUID
    agent_id: int = Field(examples=[1])
    phase: Phase = Field(description="the agent's")
    status: ExecutionStatus
    started_at: datetime | None
    completed_at: datetime | None = Field(description="when it succeeded or failed")
    tokens_input: int | None
    tokens_output: int | None
    cost_usd: Exact | None = Field(description=_COST, examples=["0.090000000000"])
    input_per_million: Exact | None = Field(description=_PRICE, examples=["30.000000"])
    output_per_million: Exact | None = Field(description=_PRICE, examples=["60.000000"])
    model_used: str | None = _MODEL
    output_artifact_id: UUID | None = Field(examples=[None])
    error_message: str | None = Field(examples=[None])
    retry_count: int = Field(description="how often it was tried before", examples=[0])
    max_retries: int = Field(examples=[3])
    retry_of: UUID | None = Field(description="the one that failed before it", examples=[None])
    claim_id: UUID | None = Field(description="of the claim that started it")
    queued_by: UUID
    claimed_by: UUID | None = Field(description="the person or machine key that started it")
    seen_at: datetime | None = Field(description="the last word of whoever runs it")
    created_at: datetime
    updated_at: datetime
    version: int


class ClaimedExecution(AgentExecution):
    """An execution to be run now, with its agent."""

    agent: AgentDetail


class NewExecution(Asked):
    """An agent to be run, in its turn."""

    agent_id: int = Field(ge=1, le=_MOST, strict=True, examples=[1])
    max_retries: int = Field(3, ge=0, le=MOST_RETRIES, strict=True)


class Claim(Asked):
    """A wish to run whatever is next."""

    claim_id: UUID = Field(
        description="chosen by the runner, another for each claim: sent again it is answered with the same",
        examples=["3f0f8a52-7c2b-4a68-9b7e-6a2b1e4c5d11"],
    )


class Completion(Asked):
    """What a run has used and made. Its cost is not for telling: it follows from the tokens."""

    tokens_input: Tokens
    tokens_output: Tokens
    model_used: Name | None = Field(
        None, description="left out: the model that the agent prefers", examples=["gpt-4"]
    )
    output_artifact_id: UUID | None = Field(None, description="an artifact of the same project")


class Failure(Asked):
    """Why a run came to nothing, and what it has used."""

    error_message: Annotated[
        str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(_says_something)
    ] = Field(examples=["the model did not answer within 60 s"])
    tokens_input: Tokens = 0
    tokens_output: Tokens = 0
    model_used: Name | None = Field(
        None, description="left out: the model that the agent prefers", examples=["gpt-4"]
    )
