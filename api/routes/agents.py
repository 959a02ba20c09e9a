from typing import Annotated, ClassVar

from fastapi import Path, Query

from api import problems, routing
from api.answers import answers
from api.caller import Caller, Member
from api.paging import Page, Paging
from api.parameters import Label, sorts
from api.problems import ProblemError
from api.schemas import Agent, AgentDetail, AgentTool, ModelPrice
from api.schemas.agents import Phase
from storage.reading import agents
from storage.reading.pages import Orders

router = routing.router("/v1", "agents")


class AgentFilters(Paging):
    """Which agents."""

    orders: ClassVar[Orders] = agents.AGENT_ORDERS

    phase: Phase | None = None
    is_active: bool | None = None
    sort: Annotated[str, sorts(agents.AGENT_ORDERS)] = "id"


class PriceFilters(Paging):
    """Which prices."""

    orders: ClassVar[Orders] = agents.PRICE_ORDERS

    model: Label | None = None
    sort: Annotated[str, sorts(agents.PRICE_ORDERS)] = "model"


@router.get("/agents", response_model=Page[Agent])
async def list_agents(caller: Member, filters: Annotated[AgentFilters, Query()]) -> object:
    """List the catalogue, by id unless `sort` says otherwise."""
    rows = await agents.catalogue(
        caller.session, filters.part(), phase=filters.phase, is_active=filters.is_active
    )
    return filters.page(rows, Agent)


@router.get("/agents/{agent_id}", response_model=AgentDetail, responses=answers(problems.NOT_FOUND))
async def read_agent(caller: Member, agent_id: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> object:
    """Read an agent with its prompt and tools."""
    return await detail(caller, agent_id)


@router.get("/model-prices", response_model=Page[ModelPrice])
async def list_prices(caller: Member, filters: Annotated[PriceFilters, Query()]) -> object:
    """List what models cost since when; the newest price that has come into force is the one that holds."""
    rows = await agents.prices(caller.session, filters.model, filters.part())
    return filters.page(rows, ModelPrice)


async def detail(caller: Caller, agent_id: int) -> AgentDetail:
    """Return the agent with all that whoever runs it has to know.

    Raises:
        ProblemError: there is none of that id.
    """
    whole = await agents.agent(caller.session, agent_id)
    if whole is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such agent")
    return AgentDetail(
        **Agent.model_validate(whole.agent).model_dump(),
        system_prompt=whole.agent.system_prompt,
        tools=[AgentTool.model_validate(tool) for tool in whole.tools],
    )
