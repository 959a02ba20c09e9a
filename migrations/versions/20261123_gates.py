"""Gate decisions: computed, kept, overridden, and followed by the project (DataModel.md 7)."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_gates"
down_revision = "20261123_evidence"
branch_labels = None
depends_on = None

API, GATEKEEPER = "augentis_api", "augentis_gatekeeper"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"
ADMINISTERS = "(SELECT auth.my_role()) = 'ADMIN'"
# A MEMBER edits every project unless told otherwise; to decide on one takes being made its EDITOR.
DECIDES = f"({ADMINISTERS} OR project_id = ANY ((SELECT auth.projects_as(true))::uuid[]))"
# What the caller says. All else is the database's: a score that was sent would be nobody's mean.
SAID = {
    "phase_gate_decision": "org_id, id, project_id, phase, indicators, rationale",
    "gate_artifact": "org_id, project_id, gate_decision_id, artifact_id",
    "gate_evidence": "org_id, project_id, gate_decision_id, evidence_id",
}
AUDITED = {
    "phase_gate_decision": "'PhaseGateDecision', 'id'",
    "gate_artifact": "'GateArtifact', 'gate_decision_id', 'artifact_id'",
    "gate_evidence": "'GateEvidence', 'gate_decision_id', 'evidence_id'",
}
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
DEFINED = ("follow_gate()", "gate_rests_on_artifacts()", "declare_phase(uuid, text)")
ASKED = "auth.claims(), auth.uid(), auth.org_id(), auth.workspace_id(), auth.my_role()"
# All that the gatekeeper may read and change.
SEES = {
    "project": "org_id, id, phase, status",
    "phase_gate_decision": "org_id, project_id",
    "gate_artifact": "org_id, gate_decision_id",
}
MAKES_PROJECTS = (
    f"{MEMBER} AND (SELECT auth.my_role()) IN ('ADMIN', 'MEMBER') AND created_by = (SELECT auth.uid())"
)


def upgrade() -> None:
    run_file("20261123_gates.sql")
    for table in SAID:
        for statement in (*_rights(table), *_audit(table)):
            op.execute(statement)
    for statement in (*_overriding(), *_for_the_gatekeeper(), *_of_projects()):
        op.execute(statement)


def downgrade() -> None:
    run_file("20261123_gates_down.sql")
    for command in ("select", "update"):
        op.execute(f"DROP POLICY gatekeeper_{command} ON project")
    op.execute(f"REVOKE ALL ({SEES['project']}) ON project FROM {GATEKEEPER}")
    op.execute(f"REVOKE EXECUTE ON FUNCTION {ASKED} FROM {GATEKEEPER}")
    op.execute(f"REVOKE USAGE ON SCHEMA auth, public FROM {GATEKEEPER}")
    op.execute(f"ALTER POLICY may_insert ON project WITH CHECK ({MAKES_PROJECTS})")
    op.execute(f"GRANT UPDATE (phase, status) ON project TO {API}")


def _rights(table: str) -> Iterator[str]:
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT, INSERT ({SAID[table]}) ON {table} TO {API}"
    yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API} USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON {table} AS RESTRICTIVE TO {API} USING ({CONFINED})"
    yield (f"CREATE POLICY may_insert ON {table} FOR INSERT TO {API} WITH CHECK ({MEMBER} AND {DECIDES})")


def _audit(table: str) -> Iterator[str]:
    for verb, rows in ROWS.items():
        yield (
            f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON {table} REFERENCING {rows}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION auth.audit({AUDITED[table]})"
        )


def _overriding() -> Iterator[str]:
    rule = f"{MEMBER} AND {ADMINISTERS}"
    yield f"GRANT UPDATE (override_reason) ON phase_gate_decision TO {API}"
    yield (
        f"CREATE POLICY may_update ON phase_gate_decision FOR UPDATE TO {API}"
        f" USING ({rule}) WITH CHECK ({rule})"
    )
    yield f"GRANT EXECUTE ON FUNCTION public.gates(), public.gate_score(text, jsonb) TO {API}"


def _for_the_gatekeeper() -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA auth, public TO {GATEKEEPER}"
    yield f"GRANT EXECUTE ON FUNCTION public.gates() TO {GATEKEEPER}"
    yield f"GRANT EXECUTE ON FUNCTION {ASKED} TO {GATEKEEPER}"
    for table, columns in SEES.items():
        yield f"GRANT SELECT ({columns}) ON {table} TO {GATEKEEPER}"
        yield f"CREATE POLICY gatekeeper_select ON {table} FOR SELECT TO {GATEKEEPER} USING (true)"
    yield f"GRANT UPDATE (phase, status) ON project TO {GATEKEEPER}"
    yield (
        f"CREATE POLICY gatekeeper_update ON project FOR UPDATE TO {GATEKEEPER}"
        " USING (true) WITH CHECK (true)"
    )
    yield f"GRANT CREATE ON SCHEMA public TO {GATEKEEPER}"
    for function in DEFINED:
        yield f"ALTER FUNCTION public.{function} OWNER TO {GATEKEEPER}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {GATEKEEPER}"
    yield f"GRANT EXECUTE ON FUNCTION public.declare_phase(uuid, text) TO {API}"


def _of_projects() -> Iterator[str]:
    """A project begins as one in progress; from there the gatekeeper alone says how it stands."""
    yield f"REVOKE UPDATE (phase, status) ON project FROM {API}"
    yield f"ALTER POLICY may_insert ON project WITH CHECK ({MAKES_PROJECTS} AND status = 'IN_PROGRESS')"
