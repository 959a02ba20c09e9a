"""Evidence over HTTP: added, reviewed by somebody else, and what it makes of an artifact's tier."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from settings import Settings
from tests.integration.teams import Team, opened, slug
from tests.world import World

INTERVIEWS: dict[str, Any] = {"source": "interview", "evidence_count": 10, "confidence_score": 80}
RESEARCH: dict[str, Any] = {
    "source": "market_research",
    "evidence_count": 1,
    "confidence_score": 60,
    "url_or_reference": "x",
}


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def draft(team: Team, **body: Any) -> str:
    path = f"projects/{(await team.project())['id']}/artifacts"
    return str((await team.made(path, **{"type": "PRD", "key": "checkout", **body}))["id"])


async def step(team: Team, who: str, piece: dict[str, Any], name: str, **request: Any) -> dict[str, Any]:
    answer = await team.ask(who, "POST", f"evidence/{piece['id']}/{name}", **request)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    stepped: dict[str, Any] = answer.json()
    return stepped


async def test_a_piece_goes_from_note_to_proof(team: Team):
    artifact = await draft(team)
    answer = await team.ask("max", "POST", f"artifacts/{artifact}/evidence", json=INTERVIEWS)
    piece = answer.json()
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/evidence/{piece['id']}"
    assert (piece["evidence_tier"], piece["escalation_status"]) == ("E2", "NONE")
    assert piece["created_by"] == str(team.people["max"])
    assert (await team.read(f"artifacts/{artifact}"))["evidence_tier"] == "E1"
    changed = await team.ask(
        "max", "PATCH", f"evidence/{piece['id']}", match=1, json={"confidence_score": 100}
    )
    assert (changed.json()["confidence_score"], changed.json()["version"]) == (100, 2)
    piece = await step(team, "max", piece, "submit")
    for who, match, expected in (
        ("max", piece["version"], (403, "own-evidence")),
        ("vic", piece["version"], (403, "role-too-low")),
        ("ann", 1, (412, "stale")),
    ):
        refused = await team.ask(who, "POST", f"evidence/{piece['id']}/escalate", match=match)
        assert slug(refused, expected[0]) == expected[1]
    piece = await step(team, "ann", piece, "escalate", match=piece["version"])
    assert (piece["escalation_status"], piece["reviewed_by"]) == ("ESCALATED", str(team.people["ann"]))
    assert (await team.read(f"artifacts/{artifact}"))["evidence_tier"] == "E2"
    ladder = await team.read(f"artifacts/{artifact}/evidence-tier")
    assert ladder["evidence_tier"] == "E2"
    assert [rung["held"] for rung in ladder["rungs"]] == [True, True, False, False]
    assert ladder["rungs"][1]["evidence"] == [piece["id"]]
    assert ladder["rungs"][2]["missing"] == "0 of 1 confirmations by an industry analyst"


async def test_what_is_in_review_goes_back_and_what_is_reviewed_stays(team: Team):
    piece = await team.made(f"artifacts/{await draft(team)}/evidence", **INTERVIEWS)
    path = f"evidence/{piece['id']}"
    for who, status, expected in (
        ("ann", "NONE", (403, "not-its-author")),
        ("max", "IN_REVIEW", (409, "evidence-frozen")),
        ("max", "ESCALATED", (409, "evidence-frozen")),
    ):
        if status == "IN_REVIEW":
            await step(team, "max", await step(team, "max", piece, "submit"), "return")
            await step(team, "max", piece, "submit")
        elif status == "ESCALATED":
            await step(team, "ann", piece, "escalate")
        headers = {"If-Match": "*"}
        refused = await team.ask(who, "PATCH", path, headers=headers, json={"evidence_count": 11})
        assert slug(refused, expected[0]) == expected[1]
    for name in ("submit", "return"):
        refused = await team.ask("ann", "POST", f"{path}/{name}")
        assert slug(refused, 409) == "status-step"
    assert (await team.ask("max", "PATCH", path, json={"evidence_count": 1})).status_code == 428


async def test_evidence_is_listed_by_what_it_is(team: Team):
    artifact = await draft(team)
    path = f"artifacts/{artifact}/evidence"
    first = await team.made(path, **INTERVIEWS)
    second = await team.made(path, who="ann", **RESEARCH)
    await step(team, "max", second, "submit")

    async def listed(**filters: Any) -> list[str]:
        return [piece["id"] for piece in (await team.read(path, **filters))["items"]]

    assert await listed() == [second["id"], first["id"]]
    assert await listed(sort="evidence_count") == [second["id"], first["id"]]
    assert await listed(sort="confidence_score") == [second["id"], first["id"]]
    assert await listed(source="interview") == [first["id"]]
    assert await listed(escalation_status="IN_REVIEW") == [second["id"]]
    assert await listed(since=second["created_at"]) == [second["id"]]
    assert (await team.read(f"evidence/{first['id']}"))["id"] == first["id"]


@pytest.mark.parametrize(("score", "status"), [(0, 201), (100, 201), (-1, 422), (101, 422), (50.5, 422)])
async def test_confidence_is_a_percentage(team: Team, score: float, status: int):
    body = {**INTERVIEWS, "confidence_score": score}
    answer = await team.ask("max", "POST", f"artifacts/{await draft(team)}/evidence", json=body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({**INTERVIEWS, "source": "telemetry"}, "body.source"),
        ({**INTERVIEWS, "evidence_count": -1}, "body.evidence_count"),
        ({**INTERVIEWS, "evidence_count": True}, "body.evidence_count"),
        ({**INTERVIEWS, "evidence_tier": "E4"}, "body.evidence_tier"),
        ({**RESEARCH, "url_or_reference": None}, "body"),
        ({**RESEARCH, "url_or_reference": ""}, "body.url_or_reference"),
        ({**RESEARCH, "source": "analyst_report", "url_or_reference": None}, "body"),
    ],
)
async def test_what_is_no_evidence_is_refused(team: Team, body: dict[str, Any], path: str):
    answer = await team.ask("max", "POST", f"artifacts/{await draft(team)}/evidence", json=body)
    assert answer.status_code == 422, answer.text
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_a_source_that_needs_a_reference_needs_it_when_it_is_changed_too(team: Team):
    piece = await team.made(f"artifacts/{await draft(team)}/evidence", **INTERVIEWS)
    answer = await team.ask(
        "max", "PATCH", f"evidence/{piece['id']}", match=1, json={"source": "market_research"}
    )
    (fault,) = answer.json()["errors"]
    assert fault == {
        "path": "body.url_or_reference",
        "message": "this source needs one: where it is to be found",
    }


async def test_evidence_is_of_one_version(team: Team):
    project = (await team.project())["id"]
    path = f"projects/{project}/artifacts"
    first = await team.made(path, type="PRD", key="checkout")
    await team.made(f"artifacts/{first['id']}/evidence", **INTERVIEWS)
    second = await team.made(path, type="PRD", key="checkout")
    assert second["evidence_tier"] == "E0"
    assert (await team.read(f"artifacts/{second['id']}/evidence"))["items"] == []
    assert (await team.read(f"artifacts/{second['id']}/evidence-tier"))["evidence_tier"] == "E0"


async def test_versions_that_nothing_is_known_about_are_found(team: Team):
    path = f"projects/{(await team.project())['id']}/artifacts"
    known, unknown = [await team.made(path, type="PRD", key=key) for key in ("known", "unknown")]
    await team.made(f"artifacts/{known['id']}/evidence", **INTERVIEWS)
    for tier, version in (("E0", unknown), ("E1", known)):
        found = (await team.read(path, evidence_tier=tier))["items"]
        assert [each["id"] for each in found] == [version["id"]]
