"""What rests on an artifact, asked over HTTP before anything of it is proven wrong."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from settings import Settings
from tests.integration.teams import Team, approve, drafted, opened, slug
from tests.world import World

Drafts = dict[str, dict[str, Any]]


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def product(team: Team) -> Drafts:
    """Return the drafts of a product: plans <- checkout <- page and api; nothing rests on tone."""
    project = await team.project()
    made: Drafts = {"project": project}

    async def draft(kind: str, key: str, *grounds: str, **content: Any) -> None:
        depends_on = [made[ground]["id"] for ground in grounds]
        made[key] = await drafted(
            team, project, type=kind, key=key, content=content, evidence_tier="E1", depends_on=depends_on
        )

    await draft("PRICING", "plans")
    await draft("POSITIONING", "tone", features=["F9"])
    await draft("PRD", "checkout", "plans", "tone", features=["F12", "One page"])
    await draft("CODE_BACKEND", "api", "checkout", modules=["pay", "plans"])
    await draft("CODE_FRONTEND", "page", "checkout", modules=["pay", "form"])
    return made


async def test_what_rests_on_an_artifact_and_the_way_to_it(team: Team):
    made = await product(team)
    asked = made["plans"]["id"]
    found = await team.read(f"artifacts/{asked}/cascade")
    affected = found.pop("affected")
    assert found == {
        "artifact_id": asked,
        "project_id": made["project"]["id"],
        "evidence_tier": "E1",
        "telemetry_tier": "E4",
        "tier_delta": 3,
        "affected_features": ["F12 PRD", "One page"],
        "affected_code_modules": ["form", "pay", "plans"],
        "reexecution_scope_days": 4,
        "full_redesign_days": 16,
        "recommendation": "REEXECUTE",
    }
    assert affected[3] == {
        "artifact_id": made["page"]["id"],
        "type": "CODE_FRONTEND",
        "key": "page",
        "path": ["PRICING/plans", "PRD/checkout", "CODE_FRONTEND/page"],
        "features": [],
        "modules": ["pay", "form"],
    }
    assert [each["key"] for each in affected] == ["plans", "checkout", "api", "page"]


@pytest.mark.parametrize(
    ("question", "tiers", "recommendation"),
    [
        ({"telemetry_tier": "E4"}, ("E4", 3), "REEXECUTE"),
        ({"telemetry_tier": "E2"}, ("E2", 1), "SKIP"),
        ({"telemetry_tier": "E0"}, ("E0", 0), "SKIP"),
        ({"tier_delta": 2}, (None, 2), "REEXECUTE"),
        ({"tier_delta": 0}, (None, 0), "SKIP"),
    ],
)
async def test_the_recommendation_follows_from_the_evidence(
    team: Team, question: dict[str, Any], tiers: tuple[str | None, int], recommendation: str
):
    draft = await drafted(team, await team.project(), evidence_tier="E1")
    found = await team.read(f"artifacts/{draft['id']}/cascade", **question)
    assert (found["telemetry_tier"], found["tier_delta"]) == tiers
    assert found["recommendation"] == recommendation


@pytest.mark.parametrize(
    "question", [{"tier_delta": 5}, {"tier_delta": -1}, {"telemetry_tier": "E5"}, {"tier": "E4"}]
)
async def test_a_question_that_makes_no_sense_is_refused(team: Team, question: dict[str, Any]):
    made = await drafted(team, await team.project())
    assert slug(await team.ask("vic", "GET", f"artifacts/{made['id']}/cascade", params=question), 422)
    both = {"tier_delta": 1, "telemetry_tier": "E4"}
    assert slug(await team.ask("vic", "GET", f"artifacts/{made['id']}/cascade", params=both), 422)


async def test_what_rests_on_an_older_version_rests_on_the_document(team: Team):
    made = await product(team)
    newer = await drafted(team, made["project"], type="PRICING", key="plans")
    for version in (made["plans"], newer):
        found = await team.read(f"artifacts/{version['id']}/cascade")
        assert found["artifact_id"] == version["id"]
        assert found["affected"][0]["artifact_id"] == newer["id"]
        assert [each["key"] for each in found["affected"]] == ["plans", "checkout", "api", "page"]


async def test_the_version_in_force_says_what_a_document_rests_on(team: Team):
    """A draft that rests on less changes nothing until it is approved."""
    made = await product(team)

    async def on_plans() -> list[str]:
        found = await team.read(f"artifacts/{made['plans']['id']}/cascade")
        return [each["key"] for each in found["affected"]]

    assert (await approve(team, made["checkout"])).status_code == 200
    free = await drafted(team, made["project"], type="PRD", key="checkout", depends_on=[made["tone"]["id"]])
    assert await on_plans() == ["plans", "checkout", "api", "page"]
    assert (await approve(team, free)).status_code == 200
    assert await on_plans() == ["plans"]


async def test_a_draft_may_hold_anything_and_is_asked_all_the_same(team: Team):
    project = await team.project()
    content = {"features": 5, "modules": "pay"}
    odd = await drafted(team, project, key="odd", content=content)
    found = await team.read(f"artifacts/{odd['id']}/cascade")
    assert (found["affected_features"], found["affected_code_modules"]) == ([], [])


async def test_another_teams_artifact_is_not_there(team: Team, changing_world: World):
    mine = await drafted(team, await team.project())
    assert (await team.read(f"artifacts/{mine['id']}/cascade"))["artifact_id"] == mine["id"]
    for stranger in (changing_world.places["a1"].artifact, uuid4()):
        answer = await team.ask("ann", "GET", f"artifacts/{stranger}/cascade")
        assert slug(answer, 404) == "not-found"


async def test_a_token_of_another_workspace_sees_no_cascade(team: Team):
    made = await product(team)
    path = f"artifacts/{made['plans']['id']}/cascade"
    elsewhere = await team.made("workspaces", name="Elsewhere")
    assert (await team.ask("ann", "GET", path, workspace=team.workspace)).status_code == 200
    assert slug(await team.ask("ann", "GET", path, workspace=elsewhere["id"]), 404) == "not-found"


async def test_a_circle_through_versions_is_refused_and_named(team: Team):
    made = await product(team)
    path = f"artifacts/{made['plans']['id']}/dependencies"
    answer = await team.ask("max", "POST", path, json={"depends_on_id": made["page"]["id"]})
    assert slug(answer, 409) == "circle"
    assert answer.json()["detail"] == (
        "the artifact would rest on itself:"
        " PRICING/plans v1 -> CODE_FRONTEND/page v1 -> PRD/checkout v1 -> PRICING/plans v1"
    )
    newer = {"type": "PRICING", "key": "plans", "depends_on": [made["checkout"]["id"]]}
    answer = await team.ask("max", "POST", f"projects/{made['project']['id']}/artifacts", json=newer)
    assert slug(answer, 409) == "circle"
    assert "PRICING/plans v2 -> PRD/checkout v1 -> PRICING/plans v1" in answer.json()["detail"]
