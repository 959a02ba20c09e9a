"""DataModel.md 7: what a gate's decision comes to, what it rests on, who takes it, and where it leads."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from fractions import Fraction
from math import floor
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import gates
from storage.errors import NotAllowedError, NotThereError, StaleError
from storage.tenancy import KeyClaims
from tests.databases import Database
from tests.rules.gates import INSERT, REST, SIZES, Site, founded
from tests.tenancy.asking import DENIED, sqlstate
from tests.world import indicators

HALF = Fraction(1, 2)
AT = {"VRC": "DISCOVER", "VCD": "DEFINE", "DSP": "DESIGN", "MDP": "DEVELOP"}
NEXT = {"VRC": "DEFINE", "VCD": "DESIGN", "DSP": "DEVELOP", "MDP": "DEPLOY"}
CHECKED = "23514"
GENERATED = "428C9"
TABLES = ("phase_gate_decision", "gate_artifact", "gate_evidence")
SAID = ("indicators", "rationale", "phase", "project_id")
STATUS = {"PASS": "PASSED", "CONDITIONAL": "CONDITIONAL", "FAIL": "FAILED"}


@pytest.fixture
async def site(shared: Database) -> AsyncIterator[Site]:
    async with founded(shared) as site:
        yield site


async def run(session: AsyncSession, statement: str, **named: Any) -> str | None:
    """Run a statement in a savepoint of its own; return the SQLSTATE that refused it."""
    used = {name: value for name, value in named.items() if f":{name}" in statement}
    try:
        async with session.begin_nested():
            await session.execute(text(statement), used)
    except DBAPIError as error:
        return sqlstate(error)
    return None


class Undo(Exception):  # noqa: N818  # no error: what is asked for
    pass


# what it comes to


def looked_at(count: int, total: int, chance: random.Random) -> list[dict[str, object]]:
    """Return `count` indicators whose scores come to `total`, scattered."""
    scores = [0] * count
    for _ in range(total):
        free = [n for n in range(count) if scores[n] < 100]
        scores[chance.choice(free)] += 1
    return [{"name": f"i{n}", "score": score} for n, score in enumerate(scores)]


@pytest.mark.parametrize("phase", SIZES)
async def test_every_mean_there_is_is_rounded_half_up(shared: Database, phase: str):
    size, chance = SIZES[phase], random.Random(7)
    cases = [indicators(size, total) for total in range(100 * size + 1)]
    cases += [looked_at(size, chance.randrange(100 * size + 1), chance) for _ in range(50)]
    means = [Fraction(sum(int(str(i["score"])) for i in case), size) for case in cases]
    query = "SELECT gate_score($1, i::jsonb) FROM unnest($2::text[]) WITH ORDINALITY AS c (i, n) ORDER BY n"
    async with shared.superuser() as connection:
        found = await connection.fetch(query, phase, [json.dumps(case) for case in cases])
    assert [row[0] for row in found] == [floor(mean + HALF) for mean in means]


# At each gate the sums about each bound: an exact half counts up, the sum below it does not.
BOUNDS = [
    *(("VRC", 1510, 76, "PASS"), ("VRC", 1509, 75, "CONDITIONAL"), ("VRC", 2000, 100, "PASS")),
    *(("VRC", 990, 50, "CONDITIONAL"), ("VRC", 989, 49, "FAIL"), ("VRC", 0, 0, "FAIL")),
    *(("VCD", 745, 75, "PASS"), ("VCD", 744, 74, "CONDITIONAL")),
    *(("VCD", 495, 50, "CONDITIONAL"), ("VCD", 494, 49, "FAIL")),
    *(("DSP", 636, 80, "PASS"), ("DSP", 635, 79, "CONDITIONAL")),
    *(("DSP", 396, 50, "CONDITIONAL"), ("DSP", 395, 49, "FAIL")),
    *(("MDP", 507, 85, "PASS"), ("MDP", 506, 84, "CONDITIONAL")),
    *(("MDP", 297, 50, "CONDITIONAL"), ("MDP", 296, 49, "FAIL")),
]


async def test_a_decision_follows_from_its_score_and_the_project_from_the_decision(site: Site):
    thresholds = {"VRC": 76, "VCD": 75, "DSP": 80, "MDP": 85}
    for phase, total, score, decision in BOUNDS:
        await site.put(AT[phase])
        made = await site.decide(phase, total)
        case = (phase, total)
        assert (made.score, made.target_threshold, made.decision) == (score, thresholds[phase], decision), (
            case
        )
        assert made.decided_by == site.team.people["eva"]
        assert (made.override_by, made.override_at, made.version) == (None, None, 1)
        reached = NEXT[phase] if decision == "PASS" else AT[phase]
        assert await site.stands() == (reached, STATUS[decision]), case


async def test_decisions_of_a_project_come_one_after_the_other(site: Site):
    made = [await site.decide("VRC", 1200) for _ in range(3)]
    moments = [each.decided_at for each in made]
    assert moments == sorted(set(moments))
    # Even if the clock stood still, or went back.
    far = "UPDATE phase_gate_decision SET decided_at = '2100-01-01Z' WHERE id = $1"
    async with site.database.superuser() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(far, made[2].id)
    last = await site.decide("VRC", 1200)
    assert (last.decided_at.year, last.decided_at.microsecond) == (2100, 1)


def one(**changed: object) -> list[dict[str, object]]:
    """Return good indicators of VRC, of which one is changed."""
    first, *others = indicators(20, 1200)
    return [{**first, **changed}, *others]


BAD: dict[str, object] = {
    "19": indicators(19, 1200),
    "21": indicators(21, 1200),
    "none": [],
    "an object": {"indicators": indicators(20, 1200)},
    "null": None,
    "a text": "many",
    "numbers": [60] * 20,
    "lists": [["a", 60]] * 20,
    "below": one(score=-1),
    "above": one(score=101),
    "far above": one(score=10**30),
    "a fraction": one(score=60.5),
    "a whole number as a fraction": one(score=60.0),
    "a score as text": one(score="60"),
    "a score that is true": one(score=True),
    "a score that is null": one(score=None),
    "no score": [{"name": str(n)} for n in range(20)],
    "no name": [{"score": 60} for _ in range(20)],
    "an empty name": one(name=""),
    "a long name": one(name="ä" * 101),
    "a name that is a number": one(name=1),
    "a name that is null": one(name=None),
    "the same name twice": one(name="indicator_1"),
    "more than name and score": one(weight=2),
}
GOOD: dict[str, object] = {
    "as it is": one(),
    "the least": one(score=0),
    "the most": one(score=100),
    "a short name": one(name="x"),
    "a name of 100": one(name="ä" * 100),
    "names that differ by their case": one(name="INDICATOR_1"),
    "in any order": [{"score": 60, "name": str(n)} for n in range(20)],
}


async def test_indicators_are_as_many_as_the_gate_takes_each_a_name_and_a_whole_score(site: Site):
    async with site.sessions.open(site.team.claims("eva")) as session:
        for case, sent in (GOOD | BAD).items():
            named = site.named(indicators=json.dumps(sent))
            assert await run(session, INSERT, **named) == (CHECKED if case in BAD else None), case
        named = site.named(phase="MDP")
        assert await run(session, INSERT, **{**named, "phase": "XXX"}) == CHECKED
        await session.rollback()


# which gate


@pytest.mark.parametrize("stands", [*AT.values(), "DEPLOY"])
async def test_the_gate_is_that_of_the_projects_phase(site: Site, stands: str):
    await site.put(stands)
    refused = {phase: await site.tried(phase, 0) for phase in SIZES}
    assert refused == {phase: None if AT[phase] == stands else "AG016" for phase in SIZES}


async def test_who_is_at_another_gate_is_told_which_one(site: Site):
    with pytest.raises(
        DBAPIError, match="the project is in DISCOVER, and VCD is the gate of DEFINE: decide on VRC"
    ):
        await site.decide("VCD", 0)
    await site.put("DEPLOY")
    with pytest.raises(DBAPIError, match="no gate is ahead of it"):
        await site.decide("MDP", 0)


async def test_an_archived_project_is_decided_on_no_more(site: Site):
    archive = "UPDATE project SET is_archived = $2 WHERE id = $1"
    decision = await site.decide("VRC", 1200)
    await site.team.fetch(archive, site.team.project, True)
    assert await site.tried("VRC", 1200) == "AG018"
    assert await site.refused(decision.id) == "AG018"
    await site.team.fetch(archive, site.team.project, False)
    assert await site.tried("VRC", 1200) is None


# what it rests on


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


# who


async def test_an_admin_decides_and_the_projects_editor_and_nobody_else(site: Site):
    decided = {who: await site.tried("VRC", 1200, who) for who in ("ann", "eva", "max", "cem", "vic")}
    assert decided == {"ann": None, "eva": None, "max": DENIED, "cem": DENIED, "vic": DENIED}
    await site.team.grant("vic", "EDITOR")
    assert await site.tried("VRC", 1200, "vic") is None
    leave = "UPDATE organization_members SET removed_at = now() WHERE user_id = $1"
    for who in ("eva", "vic"):
        await site.team.fetch(leave, site.team.people[who])
        assert await site.tried("VRC", 1200, who) == DENIED
    key = uuid4()
    await site.team.fetch(
        """INSERT INTO machine_key (org_id, id, project_id, name, scopes, secret_sha256, created_by)
           VALUES ($1, $2, $3, 'key', '{read}', sha256('x'), $4)""",
        *(site.team.org, key, site.team.project, site.team.people["ann"]),
    )
    async with site.sessions.open(KeyClaims(key, site.team.org)) as session:
        assert await run(session, INSERT, **site.named()) == DENIED
        await session.rollback()


@pytest.mark.parametrize(
    "sent",
    [
        *("score = 100", "target_threshold = 50", "decision = 'PASS'", "version = 9"),
        *("decided_by = '{ann}'", "decided_at = '2020-01-01Z'", "created_at = '2020-01-01Z'"),
        *("override_by = '{ann}'", "override_reason = 'why'", "override_at = now()"),
    ],
)
async def test_nobody_sends_what_the_database_says(site: Site, sent: str):
    column, _, value = sent.format(ann=site.team.people["ann"]).partition(" = ")
    more = INSERT.replace("rationale)", f"rationale, {column})").replace("found')", f"found', {value})")
    async with site.sessions.open(site.team.claims("ann")) as session:
        named = site.named()
        assert await run(session, INSERT, **named) is None
        assert await run(session, more, **{**named, "id": uuid4()}) in (DENIED, GENERATED)
        if column != "override_reason":
            change = f"UPDATE phase_gate_decision SET {column} = {value} WHERE id = :id"
            assert await run(session, change, **named) in (DENIED, GENERATED)
        await session.rollback()


async def test_a_decision_and_what_it_rests_on_are_changed_and_deleted_by_nobody(site: Site):
    evidence = await site.piece(site.artifact, "interview", 1)
    made = await site.decide("VRC", 1200, evidence_ids=[evidence])
    async with site.sessions.open(site.team.claims("ann")) as session:
        tier = REST.replace("artifact_id)", "artifact_id, evidence_tier)").replace(
            ":artifact)", ":artifact, 'E4')"
        )
        assert await run(session, tier, **site.named()) == DENIED
        for statement in (
            *(f"UPDATE phase_gate_decision SET {column} = {column}" for column in SAID),
            "UPDATE gate_artifact SET evidence_tier = 'E4'",
            "UPDATE gate_evidence SET evidence_id = evidence_id",
            *(f"{verb} {table}" for verb in ("DELETE FROM", "TRUNCATE") for table in TABLES),
        ):
            assert await run(session, statement) == DENIED, statement
        await session.rollback()
    async with site.database.superuser() as connection:
        for change in ("score = 100", "target_threshold = 60", "rationale = 'other'", "decided_by = $2"):
            of = [made.id, site.team.people["ann"]] if "$2" in change else [made.id]
            with pytest.raises(Exception, match="what was decided does not change"):
                await connection.execute(f"UPDATE phase_gate_decision SET {change} WHERE id = $1", *of)


# the project follows


@pytest.mark.parametrize(
    "change", ["phase = 'DEPLOY'", "status = 'PASSED'", "phase = phase", "status = status"]
)
async def test_phase_and_status_are_no_callers_to_write(site: Site, change: str):
    async with site.sessions.open(site.team.claims("ann")) as session:
        assert await run(session, "UPDATE project SET description = 'ours'") is None
        assert await run(session, f"UPDATE project SET {change}") == DENIED
        assert await run(session, f"UPDATE project SET description = 'ours', {change}") == DENIED
        await session.rollback()


@pytest.mark.parametrize("status", ["PASSED", "CONDITIONAL", "FAILED"])
async def test_a_project_begins_as_one_in_progress(site: Site, status: str):
    insert = """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by, status)
                VALUES (:org, gen_random_uuid(), :workspace, 'Another', 'It takes long.', :user, :status)"""
    named = {"org": site.team.org, "workspace": site.team.workspace, "user": site.team.people["ann"]}
    async with site.sessions.open(site.team.claims("ann")) as session:
        assert await run(session, insert, **named, status="IN_PROGRESS") is None
        assert await run(session, insert, **named, status=status) == DENIED
        await session.rollback()


async def test_where_a_project_stands_is_an_admins_to_say_until_a_gate_is_decided(
    site: Site, shared: Database
):
    async def declare(who: str, project: UUID, phase: str, *, confined: bool = False) -> bool | str | None:
        try:
            async with site.sessions.open(site.team.claims(who, confined=confined)) as session:
                return await gates.declare_phase(session, project, phase)
        except DBAPIError as error:
            return sqlstate(error)

    project = site.team.project
    assert [await declare(who, project, "DEFINE") for who in ("eva", "max", "vic")] == [DENIED] * 3
    assert await declare("ann", project, "DEFINE", confined=True) == DENIED
    assert await declare("ann", project, "LAUNCH") == CHECKED
    assert await declare("ann", project, "DEFINE") is True
    assert await site.stands() == ("DEFINE", "IN_PROGRESS")
    async with founded(shared) as other:
        assert await declare("ann", other.team.project, "DEFINE") is False
        assert await other.stands() == ("DISCOVER", "IN_PROGRESS")
    await site.decide("VCD", 0)
    assert await declare("ann", project, "DEPLOY") is False
    assert await site.stands() == ("DEFINE", "FAILED")


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


# overrides


@pytest.mark.parametrize("total", [1200, 0])
async def test_an_override_leads_on_and_leaves_the_decision_as_it_was(site: Site, total: int):
    decision = await site.decide("VRC", total)
    made = await site.override(decision.id, "the board takes the risk")
    assert (made.score, made.decision, made.decided_by, made.rationale) == (
        decision.score,
        decision.decision,
        decision.decided_by,
        decision.rationale,
    )
    assert (made.override_by, made.override_reason) == (site.team.people["ann"], "the board takes the risk")
    assert made.override_at > decision.decided_at
    assert (decision.version, made.version) == (1, 2)
    assert await site.stands() == ("DEFINE", "PASSED")
    assert await site.tried("VCD", 0) is None


async def test_only_an_admin_overrides(site: Site):
    decision = await site.decide("VRC", 1200)
    for who in ("eva", "max", "vic"):
        with pytest.raises(NotAllowedError):
            await site.override(decision.id, who=who)
    with pytest.raises(NotThereError):
        await site.override(uuid4())
    async with site.sessions.open(site.team.claims("ann")) as session:
        with pytest.raises(StaleError):
            await gates.override(session, site.team.org, decision.id, frozenset({2}), "why")
    assert await site.stands() == ("DISCOVER", "CONDITIONAL")


async def test_what_can_be_overridden(site: Site):
    first, latest = await site.decide("VRC", 0), await site.decide("VRC", 1200)
    assert await site.refused(first.id) == "AG017", "there is a later one"
    assert await site.refused(latest.id, "no") == CHECKED
    assert await site.refused(latest.id, "x" * 2001) == CHECKED
    async with site.sessions.open(site.team.claims("ann")) as session:
        nothing = "UPDATE phase_gate_decision SET override_reason = NULL WHERE id = :id"
        assert await run(session, nothing, id=latest.id) == "AG017"
        await session.rollback()
    assert await site.refused(latest.id) is None
    assert await site.refused(latest.id) == "AG017", "once"
    passed = await site.decide("VCD", 1000)
    assert await site.refused(passed.id) == "AG017", "there is nothing to override"
    left = await site.decide("DSP", 0)
    await site.put("DEPLOY")
    assert await site.refused(left.id) == "AG017", "the project has left"
    await site.put("DESIGN")
    assert await site.refused(left.id) is None
    assert await site.stands() == ("DEVELOP", "PASSED")


# two at once


async def test_of_many_that_pass_at_once_one_leads_on_and_the_others_are_at_another_gate(site: Site):
    tried = await asyncio.gather(*(site.tried("VRC", 2000, who) for who in ("eva", "ann") * 4))
    assert sorted(tried, key=str) == ["AG016"] * 7 + [None]
    assert await site.stands() == ("DEFINE", "PASSED")


async def test_of_many_that_fail_at_once_one_is_the_latest(site: Site):
    made = await asyncio.gather(*(site.decide("VRC", total) for total in (0, 1200) * 4))
    latest = max(made, key=lambda each: each.decided_at)
    assert len({each.decided_at for each in made}) == 8
    assert await site.stands() == ("DISCOVER", STATUS[latest.decision])
    refused = await asyncio.gather(*(site.refused(each.id) for each in made))
    assert [each.id for each, sqlstate in zip(made, refused, strict=True) if sqlstate is None] == [latest.id]


async def test_an_override_and_a_decision_at_once_lead_one_phase_on(site: Site):
    decision = await site.decide("VRC", 1200)
    both = await asyncio.gather(site.refused(decision.id), site.refused(decision.id), site.tried("VRC", 2000))
    assert sorted(both, key=str).count(None) == 1, both
    assert set(both) - {None} <= {"AG016", "AG017"}
    assert await site.stands() == ("DEFINE", "PASSED")


async def test_a_decision_waits_for_who_archives_the_project(site: Site):
    async with site.sessions.open(site.team.claims("ann")) as session:
        await session.execute(
            text("UPDATE project SET is_archived = true WHERE id = :id"), {"id": site.team.project}
        )
        decides = asyncio.create_task(site.tried("VRC", 2000))
        done, _ = await asyncio.wait({decides}, timeout=0.3)
        assert not done
    assert await decides == "AG018"
