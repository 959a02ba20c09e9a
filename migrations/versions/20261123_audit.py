"""The audit log: one trigger a statement on every entity, and nobody who could change what it wrote."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_audit"
down_revision = "20261123_tenancy"
branch_labels = None
depends_on = None

API, KEEPER, AUDITOR = "augentis_api", "augentis_keeper", "augentis_auditor"

# What a row is called, the column of its id, and another of its key where the id alone does not tell.
AUDITED = {
    "organization": ("Organization", "id"),
    "app_user": ("User", "id"),
    "organization_members": ("OrganizationMember", "user_id"),
    "invitation": ("Invitation", "id"),
    "workspace": ("Workspace", "id"),
    "project": ("Project", "id"),
    "project_access": ("ProjectAccess", "user_id", "project_id"),
    "artifact": ("Artifact", "id"),
    "tag": ("Tag", "id"),
    "artifact_dependency": ("ArtifactDependency", "artifact_id", "depends_on_id"),
    "assumption": ("Assumption", "id"),
    "machine_key": ("MachineKey", "id"),
}
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}

ADMINISTERS = "org_id = ANY ((SELECT auth.my_orgs())::uuid[]) AND (SELECT auth.my_role()) = 'ADMIN'"
PERSON = "(SELECT auth.uid()) IS NOT NULL"
BOUND = "org_id = (SELECT auth.org_id())"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"


def upgrade() -> None:
    run_file("20261123_audit.sql")
    for statement in (*_for_the_auditor(), *_for_admins(), *_triggers()):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION auth.audit() CASCADE")
    op.execute("DROP FUNCTION auth.role_id(text)")
    op.execute("DROP TABLE audit_log")
    op.execute(f"REVOKE EXECUTE ON FUNCTION auth.claims() FROM {AUDITOR}")
    op.execute(f"REVOKE EXECUTE ON FUNCTION public.ensure_partitions(text[], date[]) FROM {AUDITOR}")
    op.execute(f"REVOKE USAGE ON SCHEMA auth, public FROM {AUDITOR}")


def _for_the_auditor() -> Iterator[str]:
    """It writes and sees nothing; the keeper owns the table and has no policy."""
    yield "ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"ALTER TABLE audit_log OWNER TO {KEEPER}"
    yield f"GRANT USAGE ON SCHEMA auth, public TO {AUDITOR}"
    yield f"GRANT EXECUTE ON FUNCTION auth.claims() TO {AUDITOR}"
    yield f"GRANT EXECUTE ON FUNCTION public.ensure_partitions(text[], date[]) TO {AUDITOR}"
    yield f"GRANT EXECUTE ON FUNCTION auth.role_id(text) TO {AUDITOR}"
    yield f"GRANT INSERT ON audit_log TO {AUDITOR}"
    yield f"CREATE POLICY auditor_insert ON audit_log FOR INSERT TO {AUDITOR} WITH CHECK (true)"
    yield f"GRANT CREATE ON SCHEMA auth TO {AUDITOR}"
    yield f"ALTER FUNCTION auth.audit() OWNER TO {AUDITOR}"
    yield f"REVOKE CREATE ON SCHEMA auth FROM {AUDITOR}"


def _for_admins() -> Iterator[str]:
    yield f"GRANT SELECT ON audit_log TO {API}"
    yield f"CREATE POLICY members_read ON audit_log FOR SELECT TO {API} USING ({ADMINISTERS})"
    yield (
        f"CREATE POLICY org_of_token ON audit_log AS RESTRICTIVE TO {API}"
        f" USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON audit_log AS RESTRICTIVE TO {API} USING ({CONFINED})"
    yield f"CREATE POLICY people_only ON audit_log AS RESTRICTIVE TO {API} USING ({PERSON})"


def _triggers() -> Iterator[str]:
    for table, arguments in AUDITED.items():
        listed = ", ".join(f"'{each}'" for each in arguments)
        for verb, rows in ROWS.items():
            yield (
                f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON {table} REFERENCING {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION auth.audit({listed})"
            )
