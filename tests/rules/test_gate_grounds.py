"""DataModel.md 7: what a gate's decision rests on, and what the log tells of it."""

import json
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.databases import Database
from tests.rules.gates import INSERT, REST, Site, founded, run


async def test_an_artifact_has_evidence_for_e2_whatever_it_claims(site: Site):
    claims = await site.versioned(None, tier="E4")
    collected = await site.versioned("survey", 500, tier="E2")
    nine, ten = await site.versioned("interview", 9), await site.versioned("interview", 10)
    for low in (claims, collected, nine):
        assert await site.tried("VRC", 1200, artifact_ids=[ten, low]) == "AG015"
    with pytest.raises(DBAPIError, match=rf"behind PRD prd {nine} version 1 is worth E1"):
        await site.decide("VRC", 1200, artifact_ids=[nine])
    assert await site.stands() == ("DISCOVER", "IN_PROGRESS"), "nothing of what was refused is left"
    made = await site.decide("VRC", 1200, artifact_ids=[ten])
    kept = "SELECT evidence_tier FROM gate_artifact WHERE gate_decision_id = $1"
    assert await site.team.fetch(kept, made.id) == [("E2",)]
    await site.piece(ten, "analyst_report", 1)
    assert await site.team.fetch(kept, made.id) == [("E2",)], "as it was then"
    better = await site.decide("VRC", 1200, artifact_ids=[ten])
    assert await site.team.fetch(kept, better.id) == [("E3",)]


async def test_a_decision_rests_on_an_artifact_at_least(site: Site):
    evidence = await site.piece(site.artifact, "interview", 1)
    assert await site.tried("VRC", 1600, artifact_ids=[], evidence_ids=[evidence]) == "AG019"
    assert await site.stands() == ("DISCOVER", "IN_PROGRESS")
    made = await site.decide("VRC", 1600, evidence_ids=[evidence, evidence])
    named = "SELECT evidence_id FROM gate_evidence WHERE gate_decision_id = $1"
    assert await site.team.fetch(named, made.id) == [(evidence,)]


async def test_what_it_rests_on_is_of_the_same_project(site: Site, shared: Database):
    async with founded(shared) as other:
        there = await other.piece(other.artifact, "interview", 1)
        assert await other.tried("VRC", 1200, evidence_ids=[there]) is None
        assert await site.tried("VRC", 1200, artifact_ids=[site.artifact, other.artifact]) == "23502"
        assert await site.tried("VRC", 1200, evidence_ids=[there]) == "23503"
        assert await site.tried("VRC", 1200, artifact_ids=[site.artifact, uuid4()]) == "23502"
    assert await site.tried("VRC", 1200, artifact_ids=[site.artifact, site.artifact]) is None


async def test_what_it_rests_on_is_named_as_it_is_decided_and_never_after(site: Site):
    decision = await site.decide("VRC", 1200)
    evidence = await site.piece(site.artifact, "interview", 1)
    of = {
        **site.named(),
        "id": decision.id,
        "artifact": await site.versioned("analyst_report"),
        "evidence": evidence,
    }
    of["artifact"] = await site.versioned("market_research")
    names = REST.replace("artifact", "evidence")
    async with site.sessions.open(site.team.claims("ann")) as session:
        made = {**of, "id": uuid4()}
        for statement, named in ((INSERT, made), (REST, made), (names, made)):
            await session.execute(text(statement), {k: v for k, v in named.items() if f":{k}" in statement})
        assert await run(session, REST, **of) == "AG004"
        assert await run(session, names, **of) == "AG004"
    async with site.sessions.open(site.team.claims("ann")) as session:
        await session.execute(
            text("UPDATE phase_gate_decision SET override_reason = 'why' WHERE id = :id"), {"id": made["id"]}
        )
        late = {**made, "artifact": await site.versioned("market_research")}
        assert await run(session, REST, **late) == "AG004", "nor by whoever overrides it"


async def test_a_decision_is_told_with_what_it_rests_on_and_what_followed(site: Site):
    evidence = await site.piece(site.artifact, "interview", 1)
    decision = await site.decide("VRC", 1200, evidence_ids=[evidence])
    await site.override(decision.id)
    told = """SELECT action, resource_type, resource_id, actor_id, changes_after FROM audit_log
              WHERE org_id = $1 AND project_id = $2
                AND resource_type IN ('PhaseGateDecision', 'GateArtifact', 'GateEvidence', 'Project')
              ORDER BY timestamp, resource_type OFFSET 1"""
    rows = await site.team.fetch(told, site.team.org, site.team.project)
    eva, ann = site.team.people["eva"], site.team.people["ann"]
    assert sorted(row[:4] for row in rows) == sorted(
        [
            ("CREATE", "PhaseGateDecision", decision.id, eva),
            ("UPDATE", "Project", site.team.project, eva),
            ("CREATE", "GateArtifact", decision.id, eva),
            ("CREATE", "GateEvidence", decision.id, eva),
            ("OVERRIDE", "PhaseGateDecision", decision.id, ann),
            ("UPDATE", "Project", site.team.project, ann),
        ]
    )
    changes = {(row[0], row[1], row[3]): json.loads(row[4]) for row in rows}
    assert changes["UPDATE", "Project", eva] == {"status": "CONDITIONAL"}
    assert changes["UPDATE", "Project", ann] == {"status": "PASSED", "phase": "DEFINE"}
    assert set(changes["OVERRIDE", "PhaseGateDecision", ann]) == {
        "override_by",
        "override_reason",
        "override_at",
    }
    [(by,)] = await site.team.fetch("SELECT last_updated_by FROM project WHERE id = $1", site.team.project)
    assert by == ann
