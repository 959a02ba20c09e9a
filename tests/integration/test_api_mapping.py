"""A project's OTLP mapping over HTTP: versions that are put and read, and never edited."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from metrics.otlp_rules import PointKind
from settings import Settings
from storage.database import worker_pool
from streams.otlp.mappings import Mappings
from tests.integration.teams import Team, opened, slug
from tests.world import World

USED: dict[str, Any] = {"match": {"name": "paid"}, "as": "count", "metric_name": "feature_usage"}


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def put(team: Team, path: str, who: str = "max", **request: Any) -> httpx.Response:
    return await team.ask(who, "PUT", path, **request)


async def test_a_mapping_is_put_read_and_replaced(team: Team):
    path = f"projects/{(await team.project())['id']}/otlp-mapping"
    assert slug(await team.ask("vic", "GET", path), 404) == "not-found"
    first = await put(team, path, json={"rules": [USED]})
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    assert first.headers["location"] == f"/v1/{path}"
    assert (first.json()["version"], first.json()["created_by"]) == (1, str(team.people["max"]))
    assert first.json()["mapping"]["rules"][0]["as"] == "count"
    assert await team.read(path) == first.json()
    second = await put(team, path, json={"defaults": False}, match=1)
    assert (second.status_code, second.headers["etag"], second.json()["mapping"]) == (
        200,
        '"2"',
        {"defaults": False, "rules": []},
    )
    assert await team.read(path) == second.json()


async def test_the_same_rules_again_are_no_new_version(team: Team):
    path = f"projects/{(await team.project())['id']}/otlp-mapping"
    versions = [(await put(team, path, json={"rules": [USED]})).json()["version"] for _ in range(2)]
    assert versions == [1, 1]


async def test_a_mapping_that_was_not_read_is_not_replaced_under_if_match(team: Team):
    path = f"projects/{(await team.project())['id']}/otlp-mapping"
    assert slug(await put(team, path, json={}, match=1), 404) == "not-found"
    assert slug(await put(team, path, json={}, headers={"If-Match": "*"}), 404) == "not-found"
    await put(team, path, json={"rules": [USED]})
    stale = await put(team, path, json={}, match=2)
    assert (slug(stale, 412), stale.headers["etag"]) == ("stale", '"1"')
    assert (await put(team, path, json={}, headers={"If-Match": "*"})).json()["version"] == 2


async def test_of_mappings_at_once_each_is_a_version_without_a_gap(team: Team):
    path = f"projects/{(await team.project())['id']}/otlp-mapping"
    made = await asyncio.gather(
        *(put(team, path, json={"rules": [USED | {"feature": f"F{n}"}]}) for n in range(5))
    )
    assert sorted(answer.json()["version"] for answer in made) == [1, 2, 3, 4, 5]
    assert [answer.status_code for answer in made].count(201) == 1


async def test_a_wrong_rule_is_refused_with_its_path(team: Team):
    path = f"projects/{(await team.project())['id']}/otlp-mapping"
    wrong = [USED, USED | {"metric_name": "error_rate"}, USED | {"mtach": {}}, USED | {"unit_scale": -1}]
    answer = await put(team, path, json={"rules": wrong})
    assert slug(answer, 422) == "invalid-request"
    assert [error["path"] for error in answer.json()["errors"]] == [
        "body.rules.1",
        "body.rules.2.mtach",
        "body.rules.3.unit_scale",
    ]
    assert "error_rate is made of ratio, numerator, denominator" in answer.json()["errors"][0]["message"]
    assert slug(await team.ask("vic", "GET", path), 404) == "not-found"


async def test_only_who_edits_the_project_maps(team: Team):
    path = f"projects/{(await team.project())['id']}/otlp-mapping"
    assert slug(await put(team, path, "vic", json={}), 403) == "role-too-low"
    assert (await put(team, path, "ann", json={})).status_code == 201


async def test_the_worker_reads_the_newest_version_of_each_project(team: Team, changing_world: World):
    mine, other = (await team.project())["id"], (await team.project())["id"]
    for feature in ("F1", "F2"):
        await put(team, f"projects/{mine}/otlp-mapping", json={"rules": [USED | {"feature": feature}]})
    mappings = Mappings()
    assert mappings.stale()
    async with await worker_pool(changing_world.database.worker_url, name="test") as pool:
        await mappings.refresh(pool)
    assert not mappings.stale()
    [routed] = mappings.of((team.org, UUID(mine))).route("paid", "", PointKind.COUNTER, {}, {})
    assert routed.feature == "F2"
    assert not mappings.of((team.org, UUID(other))).knows("paid")
    assert mappings.of((team.org, UUID(other))).knows("http.server.duration")
