"""Hours and holidays that are not detected on."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_exclusions"
down_revision = "20261123_detection"
branch_labels = None
depends_on = None

API, WORKER, MESSENGER = "augentis_api", "augentis_worker", "augentis_messenger"

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
TAKEN_BACK_BY_CALLER = "removed_by = (SELECT auth.uid())"
TABLES = {
    "exclusion_window": ("ExclusionWindow", f"{BY_CALLER} AND removed_at IS NULL AND removed_by IS NULL"),
    "holiday_calendar": ("HolidayCalendar", BY_CALLER),
}
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
RESOURCES = (
    "'Organization', 'User', 'OrganizationMember', 'Invitation', 'Workspace', 'Project', 'ProjectAccess',"
    " 'Artifact', 'Tag', 'ArtifactDependency', 'Assumption', 'MachineKey', 'OtlpMapping'"
)
# All that the messenger may do: it sees nothing, and writes letters to detection alone.
LETTER = "org_id, destination, topic, key, value, next_attempt_at"
TO_DETECTION = "destination = 'kafka' AND topic = 'telemetry_closed' AND NOT sealed"


def upgrade() -> None:
    run_file("20261123_exclusions.sql")
    for table, (resource, as_made) in TABLES.items():
        for statement in (*_rights(table, as_made), *_audit(table, resource)):
            op.execute(statement)
    for statement in (
        *_taking_back(),
        *_for_the_messenger(),
        *_resources(f"{RESOURCES}, 'ExclusionWindow', 'HolidayCalendar'"),
    ):
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION public.assign_calendar_version()")
    op.execute("DROP FUNCTION public.tell_detection()")
    op.execute("DROP POLICY messenger_insert ON outbox")
    op.execute(f"REVOKE INSERT ({LETTER}) ON outbox FROM {MESSENGER}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {MESSENGER}")
    # What was told of them stays told: the entries are nobody's to delete.
    for statement in _resources(RESOURCES, suffix=" NOT VALID"):
        op.execute(statement)
    op.execute("""DO $$ BEGIN
        ALTER TABLE audit_log VALIDATE CONSTRAINT ck_audit_log_resource_type;
    EXCEPTION WHEN check_violation THEN NULL; END $$""")


def _rights(table: str, as_made: str) -> Iterator[str]:
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT, INSERT ON {table} TO {API}"
    yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API} USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON {table} AS RESTRICTIVE TO {API} USING ({CONFINED})"
    yield (
        f"CREATE POLICY may_insert ON {table} FOR INSERT TO {API}"
        f" WITH CHECK ({MEMBER} AND {EDITS} AND {as_made})"
    )
    yield f"GRANT SELECT ON {table} TO {WORKER}"
    yield f"CREATE POLICY worker_select ON {table} FOR SELECT TO {WORKER} USING (true)"


def _taking_back() -> Iterator[str]:
    yield f"GRANT UPDATE (removed_at, removed_by) ON exclusion_window TO {API}"
    rule = f"{MEMBER} AND {EDITS}"
    yield (
        f"CREATE POLICY may_update ON exclusion_window FOR UPDATE TO {API}"
        f" USING ({rule}) WITH CHECK ({rule} AND {TAKEN_BACK_BY_CALLER})"
    )


def _for_the_messenger() -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA public TO {MESSENGER}"
    yield f"GRANT INSERT ({LETTER}) ON outbox TO {MESSENGER}"
    yield f"CREATE POLICY messenger_insert ON outbox FOR INSERT TO {MESSENGER} WITH CHECK ({TO_DETECTION})"
    yield f"GRANT CREATE ON SCHEMA public TO {MESSENGER}"
    yield f"ALTER FUNCTION public.tell_detection() OWNER TO {MESSENGER}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {MESSENGER}"


def _audit(table: str, resource: str) -> Iterator[str]:
    for verb, rows in ROWS.items():
        yield (
            f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON {table} REFERENCING {rows}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION auth.audit('{resource}', 'id')"
        )


def _resources(listed: str, suffix: str = "") -> Iterator[str]:
    yield "ALTER TABLE audit_log DROP CONSTRAINT ck_audit_log_resource_type"
    yield (
        "ALTER TABLE audit_log ADD CONSTRAINT ck_audit_log_resource_type"
        f" CHECK (resource_type IN ({listed})){suffix}"
    )
