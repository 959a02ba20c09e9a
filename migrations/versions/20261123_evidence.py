"""Evidence behind an artifact, and the tier that it supports (DataModel.md 12)."""

from collections.abc import Iterator
from pathlib import Path

from alembic import op

from migrations import sql
from migrations.sql import run_file

revision = "20261123_evidence"
down_revision = "20261123_governance"
branch_labels = None
depends_on = None

API, WORKER, ASSESSOR = "augentis_api", "augentis_worker", "augentis_assessor"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"
EDITS = (
    "CASE (SELECT auth.my_role()) WHEN 'ADMIN' THEN true"
    " WHEN 'MEMBER' THEN project_id <> ALL ((SELECT auth.projects_as(false))::uuid[])"
    " WHEN 'VIEWER' THEN project_id = ANY ((SELECT auth.projects_as(true))::uuid[])"
    " ELSE false END"
)
BY_CALLER = "created_by = (SELECT auth.uid()) AND source <> 'telemetry'"
# What production says is the worker's to say, and nothing else is.
BY_WORKER = "source = 'telemetry'"
SAYS = "source, confidence_score, evidence_count, url_or_reference"
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
LADDER = "public.evidence_rungs_of(uuid, uuid), public.evidence_tier_of(uuid, uuid)"


def upgrade() -> None:
    run_file("20261123_evidence.sql")
    for statement in (*_for_api(), *_for_worker(), *_for_the_assessor(), *_audit()):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE evidence")
    for function in ("guard_evidence()", "raise_evidence_tier()", "evidence_tier_of(uuid, uuid)"):
        op.execute(f"DROP FUNCTION public.{function}")
    op.execute("DROP FUNCTION public.evidence_rungs_of(uuid, uuid)")
    for command in ("select", "update"):
        op.execute(f"DROP POLICY assessor_{command} ON artifact")
    op.execute(f"REVOKE ALL ON artifact FROM {ASSESSOR}")
    op.execute("ALTER TABLE artifact DROP COLUMN declared_tier")
    op.execute(f"REVOKE ALL (evidence_tier) ON artifact FROM {ASSESSOR}")
    op.execute(f"REVOKE EXECUTE ON FUNCTION auth.claims(), auth.uid() FROM {ASSESSOR}")
    op.execute(f"REVOKE USAGE ON SCHEMA auth, public FROM {ASSESSOR}")
    op.execute("SET LOCAL row_security = on")
    op.execute(_as_it_was("20261123_tenancy_rules.sql", "public.guard_artifact()"))
    op.execute(_as_it_was("20261123_audit.sql", "auth.audit()"))
    op.execute("SET LOCAL row_security = off")


def _as_it_was(file: str, function: str) -> str:
    """Return the statement that makes a function again what an earlier file has made."""
    text = (Path(sql.__file__).parent / file).read_text()
    _, made, rest = text.partition(f"CREATE FUNCTION {function}")
    return made.replace("CREATE", "CREATE OR REPLACE", 1) + rest[: rest.index("\n$$;") + 3]


def _for_api() -> Iterator[str]:
    yield "ALTER TABLE evidence ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT ON evidence TO {API}"
    # Who reviewed it, when, and how far it is are the database's to say.
    made = f"org_id, id, project_id, artifact_id, {SAYS}, created_by, version"
    yield f"GRANT INSERT ({made}) ON evidence TO {API}"
    yield f"GRANT UPDATE ({SAYS}, escalation_status) ON evidence TO {API}"
    yield f"CREATE POLICY members_read ON evidence FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON evidence AS RESTRICTIVE TO {API} USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON evidence AS RESTRICTIVE TO {API} USING ({CONFINED})"
    rule = f"{MEMBER} AND {EDITS}"
    yield f"CREATE POLICY may_insert ON evidence FOR INSERT TO {API} WITH CHECK ({rule} AND {BY_CALLER})"
    yield f"CREATE POLICY may_update ON evidence FOR UPDATE TO {API} USING ({rule}) WITH CHECK ({rule})"
    yield f"GRANT EXECUTE ON FUNCTION {LADDER} TO {API}"


def _for_worker() -> Iterator[str]:
    yield f"GRANT SELECT, INSERT ON evidence TO {WORKER}"
    yield f"CREATE POLICY worker_select ON evidence FOR SELECT TO {WORKER} USING (true)"
    yield f"CREATE POLICY worker_insert ON evidence FOR INSERT TO {WORKER} WITH CHECK ({BY_WORKER})"


def _for_the_assessor() -> Iterator[str]:
    """It counts evidence and raises tiers, and does nothing else."""
    yield f"GRANT USAGE ON SCHEMA auth, public TO {ASSESSOR}"
    yield f"GRANT EXECUTE ON FUNCTION auth.claims(), auth.uid(), {LADDER} TO {ASSESSOR}"
    yield f"GRANT SELECT ON evidence, artifact TO {ASSESSOR}"
    yield f"GRANT UPDATE (evidence_tier, declared_tier) ON artifact TO {ASSESSOR}"
    for table in ("evidence", "artifact"):
        yield f"CREATE POLICY assessor_select ON {table} FOR SELECT TO {ASSESSOR} USING (true)"
    yield f"CREATE POLICY assessor_update ON artifact FOR UPDATE TO {ASSESSOR} USING (true) WITH CHECK (true)"
    yield f"GRANT CREATE ON SCHEMA public TO {ASSESSOR}"
    yield f"ALTER FUNCTION public.raise_evidence_tier() OWNER TO {ASSESSOR}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {ASSESSOR}"


def _audit() -> Iterator[str]:
    for verb, rows in ROWS.items():
        yield (
            f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON evidence REFERENCING {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION auth.audit('Evidence', 'id')"
        )
