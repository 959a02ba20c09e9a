"""Agents over HTTP: queued by people, run by a machine's key, ended once, charged by the database."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.app import create_app
from settings import Settings
from storage.database import engine
from storage.entities import keys
from storage.tenancy import TenantSessions
from streams.chores import CHORES
from streams.giving_up import give_up_silent
from tests.databases import SECRET, Database
from tests.integration.conftest import Augentis, bearer_of, open_client
from tests.teams import Team, gathered
from tests.tenancy.trial import outcome

Headers = dict[str, str]


@pytest.fixture
async def http(database: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(create_app(database.settings(settings.home))) as client:
        yield client


@pytest.fixture
async def team(database: Database) -> Team:
    return await gathered(database, ann="ADMIN", vic="VIEWER")


def ann_of(settings: Settings, team: Team) -> Headers:
    return bearer_of(settings, team.claims("ann"))


async def key_of(team: Team, *scopes: str) -> Headers:
    api = engine(team.database.api_url, pool_size=1)
    try:
        async with TenantSessions(api, SECRET).open(team.claims("ann")) as session:
            _, text = await keys.create(session, team.claims("ann"), team.project, "runner", scopes=scopes)
    finally:
        await api.dispose()
    return {"Authorization": f"Bearer {text}"}


class Asking:
    """Asks for one project's executions."""

    def __init__(self, http: httpx.AsyncClient, team: Team) -> None:
        self._http, self._of_project = http, f"/v1/projects/{team.project}/executions"

    async def queue(self, who: Headers, **body: Any) -> dict[str, Any]:
        response = await self._http.post(self._of_project, headers=who, json={"agent_id": 1, **body})
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        assert response.headers["location"] == f"/v1/executions/{made['id']}"
        return made

    async def claim(self, who: Headers, claim: str | None = None) -> httpx.Response:
        body = {"claim_id": claim or str(uuid4())}
        return await self._http.post(f"{self._of_project}/claim", headers=who, json=body)

    async def tell(self, who: Headers, execution: str, step: str, **body: Any) -> httpx.Response:
        json_ = body or None
        return await self._http.post(f"/v1/executions/{execution}/{step}", headers=who, json=json_)


@pytest.fixture
def asking(http: httpx.AsyncClient, team: Team) -> Asking:
    return Asking(http, team)


async def test_from_the_queue_to_its_cost(
    http: httpx.AsyncClient, settings: Settings, team: Team, asking: Asking
):
    ann, runner = ann_of(settings, team), await key_of(team, "run")
    queued = await asking.queue(ann, agent_id=25, max_retries=0)
    assert (queued["status"], queued["phase"], queued["cost_usd"]) == ("QUEUED", "DEPLOY", None)
    claimed = await asking.claim(runner)
    assert claimed.status_code == 200
    agent = claimed.json()["agent"]
    assert (claimed.json()["id"], agent["name"]) == (queued["id"], "Divergence Detector")
    assert "divergence reports" in agent["system_prompt"]
    assert {tool["tool_name"] for tool in agent["tools"]} >= {"reports_read", "telemetry_read"}
    assert (await asking.claim(runner)).status_code == 204
    alive = await asking.tell(runner, queued["id"], "heartbeat")
    assert alive.json()["seen_at"] > claimed.json()["seen_at"]
    done = await asking.tell(runner, queued["id"], "complete", tokens_input=1000, tokens_output=500)
    assert done.json()["cost_usd"] == "0.010500000000"
    assert (done.json()["status"], done.json()["model_used"]) == ("SUCCESS", "claude-3-sonnet")
    shown = await http.get(f"/v1/executions/{queued['id']}", headers=ann)
    assert shown.json() == done.json()
    again = {**ann, "If-None-Match": shown.headers["etag"]}
    assert (await http.get(f"/v1/executions/{queued['id']}", headers=again)).status_code == 304
    listed = await http.get(
        f"/v1/projects/{team.project}/executions?status=SUCCESS&agent_id=25&phase=DEPLOY", headers=ann
    )
    assert listed.json()["items"] == [done.json()]
    # A word after the end changes nothing, and says so.
    assert (await asking.tell(runner, queued["id"], "heartbeat")).json() == done.json()


async def test_what_is_said_twice_is_done_once(settings: Settings, team: Team, asking: Asking):
    ann, runner = ann_of(settings, team), await key_of(team, "run", "read")
    queued = await asking.queue(ann)
    claim = str(uuid4())
    first, second = await asking.claim(runner, claim), await asking.claim(runner, claim)
    assert first.json() == second.json()
    failure = {"error_message": "the model was away", "tokens_input": 10}
    failed = await asking.tell(runner, queued["id"], "fail", **failure)
    assert (failed.json()["status"], failed.json()["cost_usd"]) == ("FAILED", "0.000300000000")
    same = await asking.tell(runner, queued["id"], "fail", **failure)
    assert (same.json(), same.headers["etag"]) == (failed.json(), failed.headers["etag"])
    for step, body in (
        ("fail", {**failure, "tokens_input": 11}),
        ("fail", {**failure, "error_message": "else"}),
        ("complete", {"tokens_input": 10, "tokens_output": 0}),
    ):
        assert outcome(await asking.tell(runner, queued["id"], step, **body)) == "409 execution-step", body
    retry = await asking.tell(runner, queued["id"], "retry")
    assert retry.status_code == 201
    assert (retry.json()["retry_of"], retry.json()["retry_count"]) == (queued["id"], 1)
    assert (await asking.tell(runner, queued["id"], "retry")).json() == retry.json()
    # It was told before its retry, and may be told again after it.
    assert (await asking.tell(runner, queued["id"], "fail", **failure)).json()["status"] == "RETRIED"
    assert (await asking.claim(runner)).json()["id"] == retry.json()["id"]
    done = {"tokens_input": 1, "tokens_output": 1, "model_used": "gpt-4o-mini"}
    ended = [await asking.tell(runner, retry.json()["id"], "complete", **done) for _ in range(2)]
    assert [one.status_code for one in ended] == [200, 200]
    assert ended[0].json() == ended[1].json()


async def test_a_key_runs_its_own_project_and_reads_nothing(
    http: httpx.AsyncClient, settings: Settings, team: Team, asking: Asking
):
    other = await gathered(team.database, bob="ADMIN")
    theirs = Asking(http, other)
    foreign = await theirs.queue(bearer_of(settings, other.claims("bob")))
    queued = await asking.queue(ann_of(settings, team))
    runs, reads = await key_of(team, "run"), await key_of(team, "read", "publish")
    assert outcome(await asking.claim(reads)) == "403 scope-missing"
    for step in ("heartbeat", "retry"):
        assert outcome(await asking.tell(reads, queued["id"], step)) == "403 scope-missing"
        assert outcome(await asking.tell(runs, foreign["id"], step)) == "404 not-found"
    assert outcome(await theirs.claim(runs)) == "404 not-found"
    for path in (f"/v1/executions/{queued['id']}", f"/v1/projects/{team.project}", "/v1/agents"):
        assert outcome(await http.get(path, headers=runs)) == "403 scope-missing", path
        assert outcome(await http.get(path, headers=reads)) == "ok", path
    body = {"agent_id": 1}
    made = await http.post(f"/v1/projects/{team.project}/executions", headers=runs, json=body)
    assert outcome(made) == "403 role-too-low"
    vic = bearer_of(settings, team.claims("vic"))
    assert outcome(await asking.claim(vic)) == "403 role-too-low"
    assert outcome(await asking.tell(vic, queued["id"], "heartbeat")) == "403 role-too-low"
    assert (await asking.claim(runs)).json()["id"] == queued["id"]


async def test_a_worker_gives_up_what_is_silent(settings: Settings, team: Team, asking: Asking):
    assert give_up_silent in {chore.do for chore in CHORES}
    ann = ann_of(settings, team)
    queued = await asking.queue(ann)
    assert (await asking.claim(ann)).json()["id"] == queued["id"]
    ours = team.database.settings(settings.home)
    assert ours.execution_timeout == timedelta(hours=1)
    async with asyncpg.create_pool(team.database.worker_url, min_size=1, max_size=2) as pool:
        await give_up_silent(pool, ours, datetime.now(UTC) + timedelta(minutes=59))
        assert (await asking.tell(ann, queued["id"], "heartbeat")).json()["status"] == "RUNNING"
        await give_up_silent(pool, ours, datetime.now(UTC) + timedelta(minutes=61))
    late = await asking.tell(ann, queued["id"], "complete", tokens_input=1, tokens_output=1)
    assert outcome(late) == "409 execution-step"
    stands = (await asking.tell(ann, queued["id"], "heartbeat")).json()
    assert (stands["status"], stands["cost_usd"]) == ("FAILED", "0.000000000000")


def test_the_operator_switches_agents_and_sets_prices(augentis: Augentis):
    assert augentis("agent", "disable", 18) == 0
    assert "agent 18 (Agent Generator) is off" in augentis.out
    assert augentis("agent", "list", "--json") == 0
    assert [one["id"] for one in json.loads(augentis.out) if not one["is_active"]] == [18]
    assert augentis("agent", "enable", 18) == 0
    assert augentis("agent", "list") == 0
    assert "18  DEVELOP   on   Agent Generator" in augentis.out
    assert augentis("agent", "disable", 27) == 2
    new = ("--input", "1.25", "--output", "10", "--from", "2100-01-01T00:00:00Z")
    assert augentis("prices", "set", "gpt-4", *new) == 0
    assert augentis("prices", "list", "--json") == 0
    found = [one for one in json.loads(augentis.out) if one["model"] == "gpt-4"]
    assert [one["input_per_million"] for one in found] == ["30.000000", "1.250000"]
    assert augentis("prices", "set", "gpt-4", *new[:4], "--from", "2024-01-01T00:00:00Z") == 2
    assert "set the new one from now or later" in augentis.err
    for bad in (
        ("gpt-4", "--input", "x", "--output", "1"),
        ("gpt-4", "--input", "0.0000001", "--output", "1"),
        ("gpt-4", "--input", "1", "--output", "1000000"),
        ("gpt-4", *new[:4], "--from", "tomorrow"),
        ("gpt-4", *new[:4], "--from", "2100-01-01T00:00:00"),
        ("", *new[:4]),
    ):
        assert augentis("prices", "set", *bad) == 2, bad
    assert augentis("prices", "list") == 0
    assert "gpt-4  2100-01-01T00:00:00+00:00  1.250000  10.000000" in augentis.out
