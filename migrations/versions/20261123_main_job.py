"""The main job: entities, hours being built, findings, and who may see what.

Row-level security is enabled and forced on every table, from the first version on. Policies are per
command and per role; the membership test is an uncorrelated sub-select, so that it runs once a
statement and the index on org_id is used (design.md, Tenancy).
"""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_main_job"
down_revision = None
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
MEMBER_READER, OPERATOR = "augentis_member_reader", "augentis_operator"

READER_FUNCTIONS = (
    "auth.claims()",
    "auth.my_orgs()",
    "auth.my_role()",
    "auth.org_users()",
    "auth.workspace_projects()",
)
OPERATOR_FUNCTIONS = ("auth.create_organization(text, text, text)", "auth.find_member(text, text)")

# What each table lets an API session see, beside the organisation of its token.
PROJECT_COLUMN = {
    "workspace": None,
    "project": "id",
    "artifact": "project_id",
    "artifact_dependency": "project_id",
    "assumption": "project_id",
    "ingest_key": "project_id",
    "telemetry": "project_id",
    "divergence_report": "project_id",
    "cascade_analysis": "project_id",
    "detector_state": "project_id",
    "partial": "project_id",
    "project_clock": "project_id",
    "organization_members": None,
}
EDITED = ("workspace", "project", "artifact")
# Lineage and assumptions are frozen: all that may change is that a later version took their place.
FROZEN = {"artifact_dependency": None, "assumption": "superseded_at"}
WORKER_READS = ("organization", "project", "ingest_key", "assumption", "artifact", "artifact_dependency")
WORKER_WRITES = (
    "partition_ledger",
    "partial",
    "batch_seen",
    "project_watermark",
    "project_clock",
    "telemetry",
    "divergence_report",
    "cascade_analysis",
    "detector_state",
    "outbox",
)
WORKER_DELETES = ("batch_seen", "outbox")
TABLES = (*PROJECT_COLUMN, "organization", "app_user", *(t for t in WORKER_WRITES if t not in PROJECT_COLUMN))

MEMBER = "{org} = ANY ((SELECT auth.my_orgs())::uuid[])"
ORG_OF_TOKEN = "{org} = (SELECT auth.org_id())"  # noqa: S105  # a rule, no secret
EDITS = "(SELECT auth.my_role()) IN ('ADMIN', 'MEMBER')"
ADMINISTERS = "(SELECT auth.my_role()) = 'ADMIN'"
IN_WORKSPACE = (
    "((SELECT auth.workspace_id()) IS NULL OR {column} = ANY ((SELECT auth.workspace_projects())::uuid[]))"
)


def upgrade() -> None:
    run_file("20261123_main_job_tables.sql")
    run_file("20261123_main_job_functions.sql")
    for statement in (*_owners(), *_forced(), *_for_api(), *_for_worker(), *_for_definers()):
        op.execute(statement)


def downgrade() -> None:
    run_file("20261123_main_job_down.sql")


def _owners() -> Iterator[str]:
    for role, functions in ((MEMBER_READER, READER_FUNCTIONS), (OPERATOR, OPERATOR_FUNCTIONS)):
        yield f"GRANT CREATE ON SCHEMA auth TO {role}"
        for function in functions:
            yield f"ALTER FUNCTION {function} OWNER TO {role}"
        yield f"REVOKE CREATE ON SCHEMA auth FROM {role}"
    for function in OPERATOR_FUNCTIONS:
        yield f"GRANT EXECUTE ON FUNCTION {function} TO CURRENT_USER"
    yield f"GRANT SELECT ON auth.claims_key TO {MEMBER_READER}"
    yield f"GRANT USAGE ON SCHEMA public TO {API}, {WORKER}, {MEMBER_READER}, {OPERATOR}"
    # So that /readyz can tell whether migrations are pending.
    yield f"GRANT SELECT ON alembic_version TO {API}, {WORKER}"


def _forced() -> Iterator[str]:
    for table in TABLES:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"


def _for_api() -> Iterator[str]:
    yield from _readable("organization", "id", None)
    for table, project in PROJECT_COLUMN.items():
        yield from _readable(table, "org_id", project)
    yield f"""CREATE POLICY workspace_of_token ON workspace AS RESTRICTIVE TO {API}
        USING ((SELECT auth.workspace_id()) IS NULL OR id = (SELECT auth.workspace_id()))"""
    yield f"GRANT SELECT ON app_user TO {API}"
    yield f"""CREATE POLICY colleagues ON app_user FOR SELECT TO {API}
        USING (id = (SELECT auth.uid()) OR id = ANY ((SELECT auth.org_users())::uuid[]))"""
    for table in EDITED:
        yield from _writable(table, EDITS)
    for table, column in FROZEN.items():
        yield from _writable(table, EDITS, f"UPDATE ({column})" if column else None)
    yield from _writable("ingest_key", ADMINISTERS, "UPDATE (revoked_at)")


def _readable(table: str, org: str, project: str | None) -> Iterator[str]:
    yield f"GRANT SELECT ON {table} TO {API}"
    yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({MEMBER.format(org=org)})"
    yield (
        f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API}"
        f" USING ({ORG_OF_TOKEN.format(org=org)}) WITH CHECK ({ORG_OF_TOKEN.format(org=org)})"
    )
    # A new project has no row to be found by yet: its own workspace_id is what counts.
    if table == "project":
        inside = "((SELECT auth.workspace_id()) IS NULL OR workspace_id = (SELECT auth.workspace_id()))"
        yield f"CREATE POLICY workspace_of_token ON project AS RESTRICTIVE TO {API} USING ({inside})"
    elif project:
        inside = IN_WORKSPACE.format(column=project)
        yield f"CREATE POLICY workspace_of_token ON {table} AS RESTRICTIVE TO {API} USING ({inside})"


def _writable(table: str, allowed: str, update: str | None = "UPDATE") -> Iterator[str]:
    rule = f"{MEMBER.format(org='org_id')} AND {allowed}"
    yield f"GRANT INSERT ON {table} TO {API}"
    yield f"CREATE POLICY editors_insert ON {table} FOR INSERT TO {API} WITH CHECK ({rule})"
    if update:
        yield f"GRANT {update} ON {table} TO {API}"
        yield (
            f"CREATE POLICY editors_update ON {table} FOR UPDATE TO {API} USING ({rule}) WITH CHECK ({rule})"
        )


def _for_worker() -> Iterator[str]:
    for table in WORKER_READS:
        yield from _open_to(WORKER, table, "SELECT")
    for table in WORKER_WRITES:
        for command in ("SELECT", "INSERT", "UPDATE"):
            yield from _open_to(WORKER, table, command)
    for table in WORKER_DELETES:
        yield from _open_to(WORKER, table, "DELETE")


def _for_definers() -> Iterator[str]:
    yield from _open_to(MEMBER_READER, "organization_members", "SELECT")
    yield from _open_to(MEMBER_READER, "project", "SELECT")
    for table in ("organization", "app_user", "organization_members"):
        yield from _open_to(OPERATOR, table, "SELECT")
        yield from _open_to(OPERATOR, table, "INSERT")


def _open_to(role: str, table: str, command: str) -> Iterator[str]:
    using = "" if command == "INSERT" else " USING (true)"
    check = " WITH CHECK (true)" if command in ("INSERT", "UPDATE") else ""
    name = f"{role.removeprefix('augentis_')}_{command.lower()}"
    yield f"GRANT {command} ON {table} TO {role}"
    yield f"CREATE POLICY {name} ON {table} FOR {command} TO {role}{using}{check}"
