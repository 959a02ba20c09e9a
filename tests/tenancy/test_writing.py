"""Who writes what: refused statements beside the same ones allowed."""

import json
import re
from uuid import UUID

import pytest

from storage.tables import Base
from storage.tenancy import AnyClaims, Claims, Identity, KeyClaims
from tests.tenancy.asking import asked, asking, changed, of_the_api
from tests.world import Place, World, indicators

REFUSED = -1
LOOKED_AT = json.dumps(indicators(20, 1200))
DECISION = f"""INSERT INTO phase_gate_decision (org_id, id, project_id, phase, indicators, rationale)
               VALUES (:org, gen_random_uuid(), :project, 'VRC', '{LOOKED_AT}', 'not yet')"""
RESTS_ON = """WITH made AS ({} RETURNING id)
              INSERT INTO {} (org_id, project_id, gate_decision_id, {})
              SELECT :org, :project, made.id, {} FROM made"""
INSERTS = {
    "workspace": """INSERT INTO workspace (org_id, id, name, created_by)
                    VALUES (:org, gen_random_uuid(), 'Another team', :user)""",
    "project": """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
                  VALUES (:org, gen_random_uuid(), :workspace, 'Another', 'It takes too long.', :user)""",
    "artifact": """INSERT INTO artifact (org_id, id, project_id, type, key, created_by)
                   VALUES (:org, gen_random_uuid(), :project, 'PRD', 'prd', :user)""",
    "tag": """INSERT INTO tag (org_id, id, project_id, artifact_id, tag_name)
              VALUES (:org, gen_random_uuid(), :project, :artifact, 'new')""",
    "artifact_dependency": """INSERT INTO artifact_dependency (org_id, project_id, artifact_id, depends_on_id)
                              VALUES (:org, :project, :code, :other)""",
    "assumption": """INSERT INTO assumption
                     SELECT a.* FROM jsonb_populate_record(NULL::assumption, jsonb_build_object(
                         'org_id', CAST(:org AS uuid), 'id', gen_random_uuid(),
                         'project_id', CAST(:project AS uuid),
                         'artifact_id', CAST(:artifact AS uuid), 'key', 'new', 'statement', '',
                         'metric_name', 'latency_p50', 'cohort', '', 'feature', '', 'operator', '<=',
                         'value', 300, 'unit', 'ms', 'tolerance', 0, 'tolerance_kind', 'absolute',
                         'divergence_type', 'LATENCY_MISS', 'evidence_tier', 'E2',
                         'effective_from', now(), 'min_users', 0, 'owner', '', 'runbook_url', '',
                         'launch_grace_days', 0, 'slow', false, 'shadow_days', 0,
                         'created_at', now())) AS a""",
    "otlp_mapping": """INSERT INTO otlp_mapping (org_id, id, project_id, rules, created_by)
                       VALUES (:org, gen_random_uuid(), :project, '{}', :user)""",
    "exclusion_window": """INSERT INTO exclusion_window
                               (org_id, id, project_id, starts_at, ends_at, kind, reason, created_by)
                           VALUES (:org, gen_random_uuid(), :project, '2026-11-02Z', '2026-11-03Z',
                                   'MIGRATION', 'to another region', :user)""",
    "alert_silence": """INSERT INTO alert_silence
                            (org_id, id, matchers, starts_at, ends_at, reason, created_by)
                        VALUES (:org, gen_random_uuid(), jsonb_build_object('project_id',
                                    jsonb_build_array(CAST(CAST(:project AS uuid) AS text))),
                                now(), now() + interval '1 hour', 'we move the database', :user)""",
    "alert_window": """INSERT INTO alert_window (org_id, id, name, kind, matchers, timezone, weekdays,
                                                 from_time, to_time, created_by)
                       VALUES (:org, gen_random_uuid(), 'Another', 'MAINTENANCE', '{}', 'UTC', '{1}',
                               '22:00', '06:00', :user)""",
    "holiday_calendar": """INSERT INTO holiday_calendar (org_id, id, project_id, holidays, created_by)
                           VALUES (:org, gen_random_uuid(), :project, '[]', :user)""",
    "agent_execution": """INSERT INTO agent_execution (org_id, id, project_id, agent_id, queued_by)
                          VALUES (:org, gen_random_uuid(), :project, 1, :user)""",
    "phase_gate_decision": DECISION,
    "gate_artifact": RESTS_ON.format(DECISION, "gate_artifact", "artifact_id", ":code"),
    "gate_evidence": RESTS_ON.format(DECISION, "gate_evidence", "evidence_id", ":evidence"),
    "evidence": """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                                         evidence_count, created_by)
                   VALUES (:org, gen_random_uuid(), :project, :artifact, 'survey', 50, 40, :user)""",
    "machine_key": """INSERT INTO machine_key
                          (org_id, id, project_id, name, scopes, secret_sha256, created_by)
                      VALUES (:org, gen_random_uuid(), :project, 'mine', '{publish}', sha256('x'), :user)""",
    "project_access": """INSERT INTO project_access (org_id, project_id, user_id, role)
                         VALUES (:org, :project, :member, 'EDITOR')""",
    "invitation": """INSERT INTO invitation (org_id, id, email, role_in_org, invited_by, expires_at)
                     VALUES (:org, gen_random_uuid(), 'other@people.example', 'ADMIN', :user, now())""",
    "alert_channel": """INSERT INTO alert_channel (org_id, id, name, kind, settings, created_by)
                        VALUES (:org, gen_random_uuid(), 'everything', 'kafka', '{}', :user)""",
    "alert_route": """INSERT INTO alert_route (org_id, id, name, matchers, created_by)
                      VALUES (:org, gen_random_uuid(), 'Another', jsonb_build_object('project_id',
                                  jsonb_build_array(CAST(CAST(:project AS uuid) AS text))), :user)""",
    "alert_route_channel": """INSERT INTO alert_route_channel (org_id, route_id, channel_id, role)
                              VALUES (:org, :route, :channel, 'escalate')""",
    "report_event": """INSERT INTO report_event (org_id, project_id, report_id, body)
                       VALUES (:org, :project, :report, '{"text": "we know"}')""",
    "idempotency_key": """INSERT INTO idempotency_key (org_id, actor_id, key, request_sha256)
                          VALUES (:org, :user, 'another', 'x')""",
}
UPDATES = {
    "workspace": "UPDATE workspace SET name = 'Renamed' WHERE org_id = :org AND id = :workspace",
    "project": "UPDATE project SET name = 'Renamed' WHERE org_id = :org AND id = :project",
    "artifact": "UPDATE artifact SET status = 'REVIEW' WHERE org_id = :org AND id = :code",
    "organization": "UPDATE organization SET name = 'Renamed' WHERE id = :org",
    "organization_members": "UPDATE organization_members SET role_in_org = 'MEMBER'"
    " WHERE org_id = :org AND user_id = :member",
    "project_access": "UPDATE project_access SET role = 'VIEWER'"
    " WHERE org_id = :org AND project_id = :project AND user_id = :granted",
    "invitation": "UPDATE invitation SET revoked_at = now() WHERE org_id = :org",
    "idempotency_key": "UPDATE idempotency_key SET status = 201 WHERE org_id = :org",
    "app_user": "UPDATE app_user SET full_name = 'Renamed' WHERE id = :admin",
    "assumption": "UPDATE assumption SET superseded_at = now() WHERE org_id = :org AND project_id = :project",
    "exclusion_window": "UPDATE exclusion_window SET removed_at = now(), removed_by = :user"
    " WHERE org_id = :org AND project_id = :project",
    "alert_silence": "UPDATE alert_silence SET ended_at = now()"
    " WHERE org_id = :org AND CAST(:project AS uuid) = ANY (project_ids)",
    "alert_window": "UPDATE alert_window SET removed_at = now() WHERE org_id = :org",
    "agent_execution": "UPDATE agent_execution SET status = 'RUNNING'"
    " WHERE org_id = :org AND project_id = :project",
    "alert_channel": "UPDATE alert_channel SET rate_per_minute = 6 WHERE org_id = :org",
    "alert_route": "UPDATE alert_route SET name = 'Renamed' WHERE org_id = :org AND id = :route",
    "phase_gate_decision": "UPDATE phase_gate_decision SET override_reason = 'we know better'"
    " WHERE org_id = :org AND project_id = :project",
    "evidence": "UPDATE evidence SET escalation_status = 'IN_REVIEW'"
    " WHERE org_id = :org AND project_id = :project AND escalation_status = 'NONE'",
    "divergence_report": "UPDATE divergence_report SET acknowledged_at = now()"
    " WHERE org_id = :org AND project_id = :project",
    "machine_key": "UPDATE machine_key SET revoked_at = now() WHERE org_id = :org AND project_id = :project",
}
DELETES = {
    "tag": "DELETE FROM tag WHERE org_id = :org AND artifact_id = :artifact",
    "alert_route": "DELETE FROM alert_route WHERE org_id = :org AND id = :route",
    "alert_route_channel": "DELETE FROM alert_route_channel WHERE org_id = :org AND route_id = :route",
    "project_access": "DELETE FROM project_access WHERE org_id = :org AND project_id = :project",
}
# Where a role in the project counts.
OF_A_PROJECT = {"artifact", "tag", "artifact_dependency", "assumption", "otlp_mapping"} | {
    "exclusion_window",
    "alert_silence",
    "holiday_calendar",
    "agent_execution",
    "evidence",
    "report_event",
}
EDITORS = {"ann", "sam", "max", "ann in a1"}
# An ADMIN is one everywhere; a role in the project stands in place of a MEMBER's or VIEWER's.
OF_PROJECT = EDITORS | {"eve"}
ADMINS = {"ann", "sam", "ann in a1"}
# To decide takes a role in the project that says EDITOR, or to be ADMIN.
DECIDERS = ADMINS | {"eve"}
# What is her own, whichever token of A she has.
ANNS = {"ann", "ann in a1", "ann in a2", "a workspace of B in a token of A"}
ADMINS_OF_ALL = {"ann", "sam"}
ALLOWED = {
    ("workspace", "insert"): {"ann", "sam", "max", "cem"},
    ("workspace", "update"): EDITORS | {"cem"},
    ("project", "insert"): EDITORS | {"cem"},
    ("project", "update"): OF_PROJECT,
    ("artifact", "insert"): OF_PROJECT,
    ("artifact", "update"): OF_PROJECT,
    ("tag", "insert"): OF_PROJECT,
    ("tag", "delete"): OF_PROJECT,
    ("artifact_dependency", "insert"): OF_PROJECT,
    ("assumption", "insert"): OF_PROJECT,
    ("assumption", "update"): OF_PROJECT,
    ("otlp_mapping", "insert"): OF_PROJECT,
    ("exclusion_window", "insert"): OF_PROJECT,
    ("exclusion_window", "update"): OF_PROJECT,
    ("alert_silence", "insert"): OF_PROJECT,
    ("alert_silence", "update"): OF_PROJECT,
    ("alert_window", "insert"): ADMINS_OF_ALL,
    ("alert_window", "update"): ADMINS_OF_ALL,
    ("holiday_calendar", "insert"): OF_PROJECT,
    ("agent_execution", "insert"): OF_PROJECT,
    ("agent_execution", "update"): OF_PROJECT,
    ("phase_gate_decision", "insert"): DECIDERS,
    ("phase_gate_decision", "update"): ADMINS,
    ("gate_artifact", "insert"): DECIDERS,
    ("gate_evidence", "insert"): DECIDERS,
    ("evidence", "insert"): OF_PROJECT,
    ("evidence", "update"): OF_PROJECT,
    ("report_event", "insert"): OF_PROJECT | {"cem"},
    ("divergence_report", "update"): OF_PROJECT | {"cem"},
    ("machine_key", "insert"): ADMINS,
    ("machine_key", "update"): ADMINS,
    ("project_access", "insert"): ADMINS,
    ("project_access", "update"): ADMINS,
    ("project_access", "delete"): ADMINS,
    ("alert_channel", "insert"): ADMINS_OF_ALL,
    ("alert_channel", "update"): ADMINS_OF_ALL,
    ("alert_route", "insert"): ADMINS_OF_ALL,
    ("alert_route", "update"): ADMINS_OF_ALL,
    ("alert_route", "delete"): ADMINS_OF_ALL,
    ("alert_route_channel", "insert"): ADMINS_OF_ALL,
    ("alert_route_channel", "delete"): ADMINS_OF_ALL,
    ("organization", "update"): ADMINS_OF_ALL,
    ("organization_members", "update"): ADMINS_OF_ALL,
    ("invitation", "insert"): ADMINS_OF_ALL,
    ("invitation", "update"): ADMINS_OF_ALL,
    ("idempotency_key", "insert"): EDITORS | {"cem", "eve", "vic"} | ANNS,
    ("idempotency_key", "update"): ANNS,
    ("app_user", "update"): ANNS | {"ann, by a token of B"},
}
STATEMENTS = {"insert": INSERTS, "update": UPDATES, "delete": DELETES}
CASES = [(table, verb) for verb, statements in STATEMENTS.items() for table in statements]


def askers(world: World) -> dict[str, AnyClaims | None]:
    """Everybody who might try to write in project a1 of organisation A."""
    return {
        "ann": world.claims("ann"),
        "ann in a1": world.claims("ann", workspace="a1"),
        "ann in a2": world.claims("ann", workspace="a2"),
        "ann, by a token of B": world.claims("ann", "b"),
        "max": world.claims("max"),
        "vic": world.claims("vic"),
        "cem": world.claims("cem"),
        "eve": world.claims("eve"),
        "sam": world.claims("sam"),
        "sam, by a token of B": world.claims("sam", "b"),
        "fay, who has left": world.claims("fay"),
        "bob, never a member": world.claims("bob", "a"),
        "bob, by his own token": world.claims("bob", "b"),
        "a workspace of B in a token of A": Claims(world.ann, world.a, world.places["b1"].workspace),
        "a key of the project": KeyClaims(world.places["a1"].key, world.a),
        "an identity": Identity("google", "subject", "ann@people.example", "ann"),
        "nobody": None,
    }


def test_every_case_says_who_may():
    assert set(CASES) == set(ALLOWED)


async def write(world: World, statement: str, place: Place, claims: AnyClaims | None) -> int:
    async with asking(world.database, claims) as session:
        return await changed(session, statement, **_named_in(statement, world, place, claims))


def _named_in(statement: str, world: World, place: Place, claims: AnyClaims | None) -> dict[str, UUID]:
    in_a = place.org == world.a
    known = {
        "org": place.org,
        "workspace": place.workspace,
        "project": place.project,
        "artifact": place.artifact,
        "code": place.code,
        "other": place.other,
        "evidence": place.evidence,
        "report": place.report,
        "route": place.route,
        "channel": world.channels[place.org],
        "user": claims.user_id if isinstance(claims, Claims) else world.ann,
        "admin": world.ann if in_a else world.bob,
        "member": world.vic if in_a else world.sam,
        "granted": world.cem if in_a else world.bob,
    }
    return {name: value for name, value in known.items() if re.search(rf":{name}\b", statement)}


@pytest.mark.parametrize(("table", "verb"), CASES)
async def test_who_writes(world: World, table: str, verb: str):
    statement, place = STATEMENTS[verb][table], world.places["a1"]
    touched = {}
    async with of_the_api(world.database) as api:
        for who, claims in askers(world).items():
            async with asked(api, claims) as session:
                named = _named_in(statement, world, place, claims)
                touched[who] = await changed(session, statement, **named)
    assert {who for who, count in touched.items() if count > 0} == ALLOWED[table, verb]
    if verb == "insert":
        assert 0 not in touched.values(), "an insert is done or refused"


@pytest.mark.parametrize(("table", "verb"), CASES)
async def test_nobody_writes_in_another_organisation(world: World, table: str, verb: str):
    there = world.places["b1"]
    statement = STATEMENTS[verb][table]
    assert await write(world, statement, there, world.claims("bob", "b")) >= 1
    for who in ("ann", "sam", "max", "eve"):
        assert await write(world, statement, there, world.claims(who)) in {0, REFUSED}, who


@pytest.mark.parametrize("table", sorted(OF_A_PROJECT))
async def test_a_role_in_one_project_is_none_in_another(world: World, table: str):
    there = world.places["a2"]
    assert await write(world, INSERTS[table], there, world.claims("max")) == 1
    assert await write(world, INSERTS[table], there, world.claims("eve")) == REFUSED, "edits a1 alone"
    assert await write(world, INSERTS[table], there, world.claims("cem")) == REFUSED, "looks at a2 alone"


@pytest.mark.parametrize(
    "table",
    [
        *("workspace", "project", "artifact", "otlp_mapping", "exclusion_window", "holiday_calendar"),
        *("machine_key", "invitation", "idempotency_key", "evidence", "alert_silence", "alert_window"),
    ],
)
async def test_nobody_writes_in_anothers_name(world: World, table: str):
    here = world.places["a1"]
    assert await write(world, INSERTS[table], here, world.claims("ann")) == 1
    async with asking(world.database, world.claims("ann")) as session:
        named = _named_in(INSERTS[table], world, here, world.claims("sam"))
        assert await changed(session, INSERTS[table], **named) == REFUSED


async def test_nobody_takes_an_exclusion_back_in_anothers_name_or_before_it_stood(world: World):
    here, ann = world.places["a1"], world.claims("ann")
    update, insert = UPDATES["exclusion_window"], INSERTS["exclusion_window"]
    ended = insert.replace("created_by)", "created_by, removed_at, removed_by)").replace(
        ":user)", ":user, now(), :user)"
    )
    assert await write(world, update, here, ann) == 1
    assert await write(world, update.replace(":user", ":member"), here, ann) == REFUSED
    assert await write(world, insert, here, ann) == 1
    assert await write(world, ended, here, ann) == REFUSED


@pytest.mark.parametrize("status", ["REVIEW", "APPROVED", "DEPLOYED"])
async def test_a_version_begins_as_a_draft(world: World, status: str):
    insert = """INSERT INTO artifact (org_id, id, project_id, type, key, status, created_by, submitted_at,
                                      approved_by, approved_at, deployed_by, deployed_at)
                VALUES (:org, gen_random_uuid(), :project, 'PRD', 'prd', '{}', :user, now(), :user, now(),
                        :user, now())"""
    here = world.places["a1"]
    assert await write(world, INSERTS["artifact"], here, world.claims("ann")) == 1
    assert await write(world, insert.format(status), here, world.claims("ann")) == REFUSED


@pytest.mark.parametrize("table", ["workspace", "project", "artifact"])
async def test_a_row_cannot_be_moved_to_another_organisation(world: World, table: str):
    async with asking(world.database, world.claims("sam")) as session:
        move = f"UPDATE {table} SET org_id = :b WHERE org_id = :a"
        assert await changed(session, move, a=world.a, b=world.b) == REFUSED


async def test_a_project_cannot_be_moved_out_of_the_tokens_workspace(world: World):
    claims = world.claims("ann", workspace="a1")
    move = "UPDATE project SET workspace_id = :workspace WHERE org_id = :org"
    here, there = world.places["a1"], world.places["a2"]
    assert await write(world, move, here, claims) == 1
    assert await write(world, move, there, claims) == REFUSED


@pytest.mark.parametrize("column", ["value", "evidence_tier", "effective_from", "operator", "artifact_id"])
async def test_assumptions_are_frozen(world: World, column: str):
    statement = f"UPDATE assumption SET {column} = {column} WHERE org_id = :org"
    assert await write(world, statement, world.places["a1"], world.claims("ann")) == REFUSED


@pytest.mark.parametrize("table", sorted(set(Base.metadata.tables) - set(DELETES)))
async def test_the_api_deletes_from_no_other_table(world: World, table: str):
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, f"DELETE FROM {table}") == REFUSED


@pytest.mark.parametrize("table", sorted(set(Base.metadata.tables) - set(INSERTS)))
async def test_the_api_inserts_into_no_other_table(world: World, table: str):
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, f"INSERT INTO {table} DEFAULT VALUES") == REFUSED


@pytest.mark.parametrize("table", sorted(set(Base.metadata.tables) - set(UPDATES)))
async def test_the_api_updates_no_other_table(world: World, table: str):
    column = next(iter(Base.metadata.tables[table].columns)).name
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, f"UPDATE {table} SET {column} = {column}") == REFUSED
