"""`augentis agent list | enable | disable`: the catalogue, for the operator."""

import json
from typing import Annotated

import typer

import settings
from cli.exits import CommandError
from storage.entities import operator

AgentId = Annotated[int, typer.Argument(min=1, max=26, help="Its number in the catalogue, 1 to 26.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The catalogue of agents, for the operator: list, enable, disable.",
)


@app.command("list")
async def list_(
    *, json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> None:
    """List the agents, and whether they can be queued."""
    found = await operator.agents(settings.load().need("database_url"))
    if json_:
        print(json.dumps([agent._asdict() for agent in found]))
        return
    for agent in found:
        print(f"{agent.id:>2}  {agent.phase:<8}  {'on ' if agent.is_active else 'off'}  {agent.name}")


@app.command()
async def enable(agent_id: AgentId) -> None:
    """Let an agent be queued again, by every organisation."""
    await _set(agent_id, active=True)


@app.command()
async def disable(agent_id: AgentId) -> None:
    """Let an agent be queued no more; what is queued or runs already is done."""
    await _set(agent_id, active=False)


async def _set(agent_id: int, *, active: bool) -> None:
    url = settings.load().need("database_url")
    name = await operator.set_agent_active(url, agent_id, active=active)
    if name is None:
        raise CommandError(f"there is no agent {agent_id}")
    print(f"agent {agent_id} ({name}) is {'on' if active else 'off'}")
