"""DataModel.md 7: who decides at a gate, and what is nobody's to write: nor where the project stands."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from storage.entities import gates
from storage.tenancy import KeyClaims
from tests.databases import Database
from tests.rules.gates import CHECKED, INSERT, REST, Site, founded, run
from tests.tenancy.asking import DENIED, sqlstate

GENERATED = "428C9"
TABLES = ("phase_gate_decision", "gate_artifact", "gate_evidence")
SAID = ("indicators", "rationale", "phase", "project_id")


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
