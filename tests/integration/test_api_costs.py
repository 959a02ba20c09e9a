"""What agents cost, over HTTP and on the command line: the four questions of DataModel.md 14."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from cli.exits import Exit
from settings import Settings
from storage.database import worker_pool
from streams.costs import roll_up
from tests.integration.conftest import Augentis, Tokens
from tests.integration.teams import Team, opened
from tests.world import World

DAYS = (date(2026, 9, 30), date(2026, 10, 1), date(2026, 10, 2))
PHASES = {2: "DISCOVER", 10: "DESIGN"}


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def spent(world: World, team: Team, project: dict[str, Any]) -> None:
    """Write what two agents cost on three days, 0.1 + 0.000000000001 dollars a row, and their months."""
    rows = [
        (team.org, uuid4(), UUID(project["id"]), agent, PHASES[agent], model, kind, start, many)
        for agent in PHASES
        for model in ("gpt-4", "claude-3-sonnet")
        for kind, start, many in (
            *(("daily", day, 1) for day in DAYS),
            ("monthly", date(2026, 9, 1), 1),
            ("monthly", date(2026, 10, 1), 2),
        )
    ]
    async with world.database.superuser() as connection:
        await connection.executemany(
            """INSERT INTO cost_tracking (org_id, id, project_id, agent_id, phase, model_used, aggregated_at,
                                          period_start, executions, tokens_used, cost_usd)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 100 * $9::bigint, 0.100000000001 * $9::bigint)""",
            rows,
        )


def told(page: Any) -> list[tuple[str, str, str]]:
    return [(item["period_start"], item["key"], item["cost_usd"]) for item in page["items"]]


async def test_the_four_questions(team: Team, changing_world: World):
    one, other = await team.project(), await team.project()
    for project in (one, other):
        await spent(changing_world, team, project)
    months = await team.read("costs")
    org = str(team.org)
    assert told(months) == [
        ("2026-10-01", org, "1.600000000016"),
        ("2026-09-01", org, "0.800000000008"),
    ]
    assert months["totals"] == {"tokens_used": 2400, "cost_usd": "2.400000000024", "executions": 24}
    assert (months["next_cursor"], months["pending_since"]) == (None, None)
    assert {item["model"] for item in months["items"]} == {None}
    october = {"since": "2026-10-01", "until": "2026-11-01", "sort": "period_start"}
    projects = sorted([one["id"], other["id"]])
    assert told(await team.read("costs", by="project", **october)) == [
        ("2026-10-01", project, "0.800000000008") for project in projects
    ]
    assert told(await team.read("costs", by="phase", **october)) == [
        ("2026-10-01", phase, "0.800000000008") for phase in ("DESIGN", "DISCOVER")
    ]
    assert told(await team.read("costs", by="agent", project_id=one["id"], **october)) == [
        ("2026-10-01", agent, "0.400000000004") for agent in ("2", "10")
    ]


@pytest.mark.parametrize("sort", ["period_start", "-period_start", "cost_usd", "-cost_usd"])
async def test_pages_give_each_item_once(team: Team, changing_world: World, sort: str):
    project = await team.project()
    await spent(changing_world, team, project)
    asked: dict[str, Any] = {"by": "agent", "period": "daily", "models": True, "sort": sort}
    whole = await team.read("costs", **asked)
    assert len(whole["items"]) == 12
    assert {item["model"] for item in whole["items"]} == {"gpt-4", "claude-3-sonnet"}
    found: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await team.read("costs", limit=5, **asked, **cursor)
        assert page["totals"] == whole["totals"]
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == whole["items"]


async def test_what_ended_is_pending_until_it_is_rolled_up(team: Team, changing_world: World):
    project, other = await team.project(), await team.project()
    for each in (project, other):
        await team.made(f"projects/{each['id']}/executions", agent_id=1)
        claim = {"claim_id": str(uuid4())}
        run = await team.ask("max", "POST", f"projects/{each['id']}/executions/claim", json=claim)
        done = {"tokens_input": 1000, "tokens_output": 500, "model_used": "gpt-4"}
        assert (
            await team.ask("max", "POST", f"executions/{run.json()['id']}/complete", json=done)
        ).status_code == 200
    before = await team.read("costs", by="project")
    assert before["items"] == []
    assert before["pending_since"] is not None
    pool = await worker_pool(changing_world.database.worker_url, name="costs")
    await roll_up(pool, team.settings, datetime.now(UTC))
    await pool.close()
    after = await team.read("costs", by="project")
    assert after["pending_since"] is None
    assert {item["key"]: item["cost_usd"] for item in after["items"]} == {
        each["id"]: "0.060000000000" for each in (project, other)
    }
    week = await team.read("costs", period="weekly", project_id=project["id"])
    assert week["totals"] == {"tokens_used": 1500, "cost_usd": "0.060000000000", "executions": 1}
    assert date.fromisoformat(week["items"][0]["period_start"]).isoweekday() == 1


async def test_anothers_costs_are_nobodys(http: httpx.AsyncClient, bearer: Tokens, world: World):
    async def seen(headers: dict[str, str]) -> tuple[set[str], int]:
        page = (await http.get("/v1/costs?period=daily&by=project", headers=headers)).json()
        return {item["key"] for item in page["items"]}, page["totals"]["tokens_used"]

    a1, a2, b1 = (str(world.places[name].project) for name in ("a1", "a2", "b1"))
    assert await seen(bearer("ann")) == ({a1, a2}, 3000)
    assert await seen(bearer("ann", workspace="a1")) == ({a1}, 1500)
    assert await seen(bearer("sam", "b")) == ({b1}, 1500)


def test_the_command_says_what_the_api_says(reading: Augentis):
    asked = ("costs", "--org", "acme", "--by", "agent", "--period", "daily", "--models")
    assert reading(*asked, "--json") == Exit.DONE, reading.err
    said = json.loads(reading.out)
    sums = {"tokens_used": 3000, "cost_usd": "0.120000000000", "executions": 2}
    assert said["items"] == [{**sums, "key": "1", "period_start": "2026-11-01", "model": "gpt-4"}]
    assert said["totals"] == sums
    assert said["pending_since"] is not None
    assert reading(*asked, "--project", "Project a1", "--until", "2026-11-02") == Exit.DONE, reading.err
    first, total, pending = reading.out.splitlines()
    assert first.split()[:6] == ["2026-11-01", "1", "gpt-4", "0.060000000000", "USD", "1500"]
    assert total.split()[:3] == ["total", "0.060000000000", "USD"]
    assert "is a worker running?" in pending
    assert reading("costs", "--org", "acme", "--period", "yearly") == Exit.USAGE
    assert reading("costs", "--org", "nobody") == Exit.NO or reading.err
