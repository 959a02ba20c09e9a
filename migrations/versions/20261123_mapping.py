"""How a project's OTLP metrics become ours."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_mapping"
down_revision = "20261123_otlp"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"
EDITS = (
    "CASE (SELECT auth.my_role()) WHEN 'ADMIN' THEN true"
    " WHEN 'MEMBER' THEN project_id <> ALL ((SELECT auth.projects_as(false))::uuid[])"
    " WHEN 'VIEWER' THEN project_id = ANY ((SELECT auth.projects_as(true))::uuid[])"
    " ELSE false END"
)
BY_CALLER = "created_by = (SELECT auth.uid())"
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
RESOURCES = (
    "'Organization', 'User', 'OrganizationMember', 'Invitation', 'Workspace', 'Project', 'ProjectAccess',"
    " 'Artifact', 'Tag', 'ArtifactDependency', 'Assumption', 'MachineKey'"
)


def upgrade() -> None:
    run_file("20261123_mapping.sql")
    for statement in (*_rights(), *_audit(), *_resources(f"{RESOURCES}, 'OtlpMapping'")):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE otlp_mapping")
    op.execute("DROP FUNCTION public.assign_mapping_version()")
    # What was told of mappings stays told: the entries are nobody's to delete.
    for statement in _resources(RESOURCES, suffix=" NOT VALID"):
        op.execute(statement)
    op.execute("""DO $$ BEGIN
        ALTER TABLE audit_log VALIDATE CONSTRAINT ck_audit_log_resource_type;
    EXCEPTION WHEN check_violation THEN NULL; END $$""")


def _rights() -> Iterator[str]:
    yield "ALTER TABLE otlp_mapping ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT, INSERT ON otlp_mapping TO {API}"
    yield f"CREATE POLICY members_read ON otlp_mapping FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON otlp_mapping AS RESTRICTIVE TO {API}"
        f" USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON otlp_mapping AS RESTRICTIVE TO {API} USING ({CONFINED})"
    yield (
        f"CREATE POLICY may_insert ON otlp_mapping FOR INSERT TO {API}"
        f" WITH CHECK ({MEMBER} AND {EDITS} AND {BY_CALLER})"
    )
    yield f"GRANT SELECT ON otlp_mapping TO {WORKER}"
    yield f"CREATE POLICY worker_select ON otlp_mapping FOR SELECT TO {WORKER} USING (true)"


def _audit() -> Iterator[str]:
    for verb, rows in ROWS.items():
        yield (
            f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON otlp_mapping REFERENCING {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION auth.audit('OtlpMapping', 'id')"
        )


def _resources(listed: str, suffix: str = "") -> Iterator[str]:
    yield "ALTER TABLE audit_log DROP CONSTRAINT ck_audit_log_resource_type"
    yield (
        "ALTER TABLE audit_log ADD CONSTRAINT ck_audit_log_resource_type"
        f" CHECK (resource_type IN ({listed})){suffix}"
    )
