"""Gates over HTTP: what they are, what is decided at them, and how a project goes on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from settings import Settings
from storage.tables.gates import GATES
from storage.tables.product import PHASES
from tests.integration.teams import Team, drafted, opened, slug
from tests.world import World, indicators

SIZES = {"VRC": 20, "VCD": 10, "DSP": 8, "MDP": 6}


@dataclass(frozen=True)
class Gated:
    """A project of the team's, and an artifact in it with evidence for E2."""

    world: World
    team: Team
    project: dict[str, Any]
    artifact: str

    @property
    def path(self) -> str:
        return f"projects/{self.project['id']}/gate-decisions"

    def body(self, phase: str = "VRC", total: int = 1200, **changed: Any) -> dict[str, Any]:
        return {
            "phase": phase,
            "indicators": indicators(SIZES[phase], total),
            "rationale": "as it was found",
            "artifact_ids": [self.artifact],
            **changed,
        }

    async def stands(self) -> tuple[str, str]:
        now = await self.team.read(f"projects/{self.project['id']}")
        return now["phase"], now["status"]


async def piece(world: World, team: Team, project: str, artifact: str, count: int = 10) -> str:
    """Return a piece of evidence that max has brought and ann has reviewed."""
    evidence = uuid4()
    async with world.database.superuser() as connection:
        await connection.execute(
            """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                   evidence_count, created_by, escalation_status, reviewed_by, reviewed_at)
               VALUES ($1, $2, $3, $4, 'interview', 80, $5, $6, 'ESCALATED', $7, now())""",
            *(team.org, evidence, project, artifact, count, team.people["max"], team.people["ann"]),
        )
    return str(evidence)


@pytest.fixture
async def gated(changing_world: World, settings: Settings) -> AsyncIterator[Gated]:
    async with opened(changing_world.database, settings) as team:
        project = await team.project()
        artifact = (await drafted(team, project))["id"]
        await piece(changing_world, team, project["id"], artifact)
        yield Gated(changing_world, team, project, artifact)


async def test_the_gates_say_what_they_ask_for(gated: Gated):
    gates = (await gated.team.read("gates"))["items"]
    assert [(each["phase"], each["target_threshold"], each["indicators"]) for each in gates] == [
        ("VRC", 76, 20),
        ("VCD", 75, 10),
        ("DSP", 80, 8),
        ("MDP", 85, 6),
    ]
    assert tuple(each["phase"] for each in gates) == GATES
    ways = [(each["project_phase"], each["next_phase"]) for each in gates]
    assert ways == list(pairwise(PHASES))


async def test_a_decision_is_made_read_listed_and_overridden(gated: Gated):
    team = gated.team
    evidence = await piece(gated.world, team, gated.project["id"], gated.artifact)
    answer = await team.ask("ann", "POST", gated.path, json=gated.body(evidence_ids=[evidence]))
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (answer.headers["location"], answer.headers["etag"]) == (f"/v1/gate-decisions/{made['id']}", '"1"')
    assert (made["score"], made["target_threshold"], made["decision"]) == (60, 76, "CONDITIONAL")
    assert made["decided_by"] == str(team.people["ann"])
    assert made["indicators"] == indicators(20, 1200)
    assert made["artifacts"] == [{"artifact_id": gated.artifact, "evidence_tier": "E2"}]
    assert made["evidence_ids"] == [evidence]
    assert await gated.stands() == ("DISCOVER", "CONDITIONAL")
    assert await team.read(f"gate-decisions/{made['id']}") == made

    path = f"gate-decisions/{made['id']}/override"
    reason = {"override_reason": "the board takes the risk"}
    assert slug(await team.ask("max", "POST", path, json=reason), 403) == "role-too-low"
    assert slug(await team.ask("ann", "POST", path, json=reason, match=2), 412) == "stale"
    answer = await team.ask("ann", "POST", path, json=reason, match=1)
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert answer.headers["etag"] == '"2"'
    assert after["override_by"] == str(team.people["ann"])
    kept = {*made} - {"override_by", "override_reason", "override_at", "version"}
    assert {name: after[name] for name in kept} == {name: made[name] for name in kept}
    assert await gated.stands() == ("DEFINE", "PASSED")
    assert slug(await team.ask("ann", "POST", path, json=reason), 409) == "not-overridable"

    passed = (await team.ask("ann", "POST", gated.path, json=gated.body("VCD", 745))).json()
    assert (passed["score"], passed["decision"]) == (75, "PASS")
    assert await gated.stands() == ("DESIGN", "PASSED")
    listed = (await team.read(gated.path))["items"]
    assert [each["id"] for each in listed] == [passed["id"], made["id"]]
    assert [each["id"] for each in (await team.read(gated.path, sort="decided_at", limit=1))["items"]] == [
        made["id"]
    ]
    for filters, expected in (
        ({"phase": "VRC"}, [made["id"]]),
        ({"decision": "PASS"}, [passed["id"]]),
        ({"since": passed["decided_at"]}, [passed["id"]]),
        ({"phase": "MDP"}, []),
    ):
        assert [each["id"] for each in (await team.read(gated.path, **filters))["items"]] == expected


OURS = (
    *("score", "target_threshold", "decision", "decided_by", "decided_at", "created_at"),
    *("override_by", "override_reason", "override_at", "version", "id"),
)


async def test_what_the_database_says_cannot_be_sent(gated: Gated):
    for field in OURS:
        answer = await gated.team.ask("ann", "POST", gated.path, json={**gated.body(), field: 100})
        assert slug(answer, 422) == "invalid-request"
        assert answer.json()["errors"] == [{"path": f"body.{field}", "message": "there is no such field"}]


def first(**changed: Any) -> dict[str, Any]:
    """Return indicators of which the first is changed."""
    one, *others = indicators(20, 1200)
    return {"indicators": [{**one, **changed}, *others]}


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"indicators": indicators(19, 1200)}, "body", "VRC takes exactly 20, not 19"),
    ({"indicators": indicators(21, 1200)}, "body", "VRC takes exactly 20, not 21"),
    (first(name="indicator_1"), "body", "two of them have the same name"),
    (first(score=-1), "body.indicators.0.score", "greater than or equal to 0"),
    (first(score=101), "body.indicators.0.score", "less than or equal to 100"),
    (first(score=60.5), "body.indicators.0.score", "valid integer"),
    (first(score=60.0), "body.indicators.0.score", "valid integer"),
    (first(score="60"), "body.indicators.0.score", "valid integer"),
    (first(score=True), "body.indicators.0.score", "valid integer"),
    (first(name=""), "body.indicators.0.name", "at least 1"),
    (first(name="x" * 101), "body.indicators.0.name", "at most 100"),
    (first(weight=2), "body.indicators.0.weight", "no such field"),
    ({"phase": "LAUNCH"}, "body.phase", "'VRC', 'VCD', 'DSP' or 'MDP'"),
    ({"rationale": "no"}, "body.rationale", "at least 3"),
    ({"rationale": "x" * 2001}, "body.rationale", "at most 2000"),
    ({"artifact_ids": []}, "body.artifact_ids", "at least 1"),
    (
        {"artifact_ids": [str(uuid4())]},
        "body.artifact_ids.0",
        "there is no such artifact in this project",
    ),
    (
        {"evidence_ids": [str(uuid4())]},
        "body.evidence_ids.0",
        "there is no such evidence in this project",
    ),
]


async def test_what_may_not_be_decided(gated: Gated):
    for changed, path, message in BAD:
        answer = await gated.team.ask("ann", "POST", gated.path, json={**gated.body(), **changed})
        assert slug(answer, 422) == "invalid-request"
        [error] = answer.json()["errors"]
        assert error["path"] == path
        assert message in error["message"]
    assert await gated.stands() == ("DISCOVER", "IN_PROGRESS")


async def test_a_gate_that_is_refused_says_what_to_do(gated: Gated):
    team = gated.team
    bare = (await drafted(team, gated.project, type="GTM"))["id"]
    low = await team.ask("ann", "POST", gated.path, json=gated.body(artifact_ids=[gated.artifact, bare]))
    assert slug(low, 409) == "evidence-too-low"
    assert low.json()["detail"] == (
        "the evidence behind GTM version 1 is worth E0, and a gate takes E2 or more:"
        " GET /v1/artifacts/{id}/evidence-tier says what is missing"
    )
    other = await team.ask("ann", "POST", gated.path, json=gated.body("MDP", 600))
    assert slug(other, 409) == "wrong-gate"
    assert other.json()["detail"].endswith("decide on VRC")
    assert await gated.stands() == ("DISCOVER", "IN_PROGRESS")
    for who in ("max", "vic"):
        assert slug(await team.ask(who, "POST", gated.path, json=gated.body()), 403) == "role-too-low"
    access = f"projects/{gated.project['id']}/access/{team.people['max']}"
    assert (await team.ask("ann", "PUT", access, json={"role": "EDITOR"})).status_code in {200, 201}
    assert (await team.ask("max", "POST", gated.path, json=gated.body())).status_code == 201
    project = f"projects/{gated.project['id']}"
    await team.ask("ann", "DELETE", project, headers={"If-Match": "*"})
    assert slug(await team.ask("ann", "POST", gated.path, json=gated.body()), 409) == "project-archived"


async def test_phase_and_status_are_no_fields_of_a_change(gated: Gated):
    for change in ({"phase": "DEPLOY"}, {"status": "PASSED"}):
        answer = await gated.team.ask("ann", "PATCH", f"projects/{gated.project['id']}", match=1, json=change)
        assert slug(answer, 422) == "invalid-request"
