"""Silences, quiet hours and maintenance windows (ADR 0029)."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261124_calm"
down_revision = "20261124_routes"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
READER, ARCHIVIST = "augentis_member_reader", "augentis_archivist"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
PERSON = "(SELECT auth.uid()) IS NOT NULL"
OPERATED = "org_id = (SELECT auth.operated_org())"
CLOSED = "org_id = (SELECT auth.closed_org())"
ADMINISTERS_ALL = "(SELECT auth.my_role()) = 'ADMIN' AND (SELECT auth.workspace_id()) IS NULL"
BY_CALLER = "created_by = (SELECT auth.uid())"
NAMES_ANY = "cardinality(project_ids) > 0"
# Whoever edits each project that it names.
SILENCES = (
    "CASE (SELECT auth.my_role()) WHEN 'ADMIN' THEN true"
    f" WHEN 'MEMBER' THEN {NAMES_ANY} AND NOT project_ids && (SELECT auth.projects_as(false))::uuid[]"
    f" WHEN 'VIEWER' THEN {NAMES_ANY} AND project_ids <@ (SELECT auth.projects_as(true))::uuid[]"
    " ELSE false END"
)
# A token of one workspace shows what holds its projects' alerts, and silences no others'.
CONFINED = (
    "((SELECT auth.confined_to()) IS NULL"
    f" OR NOT {NAMES_ANY} OR project_ids && (SELECT auth.confined_to())::uuid[])"
)
WITHIN = (
    "((SELECT auth.confined_to()) IS NULL"
    f" OR ({NAMES_ANY} AND project_ids <@ (SELECT auth.confined_to())::uuid[]))"
)
COLUMNS = {
    "alert_silence": "org_id, id, matchers, starts_at, ends_at, reason, created_by",
    "alert_window": (
        "org_id, id, name, kind, matchers, timezone, weekdays, from_time, to_time, first_day, last_day,"
        " lets_through, created_by, version"
    ),
}
CHANGED = (
    "name, kind, matchers, timezone, weekdays, from_time, to_time, first_day, last_day, lets_through,"
    " removed_at"
)
RESOURCES = {"alert_silence": "AlertSilence", "alert_window": "AlertWindow"}
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
KNOWN = (
    "'Organization', 'User', 'OrganizationMember', 'Invitation', 'Workspace', 'Project', 'ProjectAccess',"
    " 'Artifact', 'Tag', 'ArtifactDependency', 'Assumption', 'MachineKey', 'OtlpMapping', 'ExclusionWindow',"
    " 'HolidayCalendar', 'Evidence', 'PhaseGateDecision', 'GateArtifact', 'GateEvidence', 'AgentExecution',"
    " 'DivergenceReport', 'CascadeAnalysis', 'ReportEvent', 'AlertChannel', 'AlertRoute', 'AlertRouteChannel'"
)


def upgrade() -> None:
    run_file("20261124_calm.sql")
    for table, resource in RESOURCES.items():
        for statement in (*_rights(table), *_for_the_archivist(table), *_audit(table, resource)):
            op.execute(statement)
    for statement in (
        *_of_silences(),
        *_of_windows(),
        *_for_the_reader(),
        *_resources(f"{KNOWN}, 'AlertSilence', 'AlertWindow'"),
    ):
        op.execute(statement)


def downgrade() -> None:
    for table in RESOURCES:
        op.execute(f"DROP TABLE {table}")
    op.execute(
        "DROP FUNCTION public.limit_calm(), public.guard_matched(), public.guard_silence(),"
        " public.end_silence(), public.matched_projects(jsonb)"
    )
    # What was told of them stays told: the entries are nobody's to delete.
    for statement in _resources(KNOWN, suffix=" NOT VALID"):
        op.execute(statement)
    op.execute("""DO $$ BEGIN
        ALTER TABLE audit_log VALIDATE CONSTRAINT ck_audit_log_resource_type;
    EXCEPTION WHEN check_violation THEN NULL; END $$""")


def _rights(table: str) -> Iterator[str]:
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT, INSERT ({COLUMNS[table]}) ON {table} TO {API}"
    yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API} USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY people_only ON {table} AS RESTRICTIVE TO {API} USING ({PERSON})"
    yield f"GRANT SELECT ON {table} TO {WORKER}"
    yield f"CREATE POLICY worker_select ON {table} FOR SELECT TO {WORKER} USING (true)"


def _of_silences() -> Iterator[str]:
    yield f"GRANT EXECUTE ON FUNCTION public.matched_projects(jsonb) TO {API}"
    yield f"GRANT UPDATE (ended_at) ON alert_silence TO {API}"
    yield f"CREATE POLICY confined ON alert_silence AS RESTRICTIVE FOR SELECT TO {API} USING ({CONFINED})"
    rule = f"{MEMBER} AND {WITHIN} AND {SILENCES}"
    yield (
        f"CREATE POLICY may_insert ON alert_silence FOR INSERT TO {API} WITH CHECK ({rule} AND {BY_CALLER})"
    )
    yield f"CREATE POLICY may_update ON alert_silence FOR UPDATE TO {API} USING ({rule}) WITH CHECK ({rule})"


def _of_windows() -> Iterator[str]:
    yield f"GRANT UPDATE ({CHANGED}) ON alert_window TO {API}"
    rule = f"{MEMBER} AND {ADMINISTERS_ALL}"
    yield (
        f"CREATE POLICY may_insert ON alert_window FOR INSERT TO {API} WITH CHECK ({rule} AND {BY_CALLER})"
    )
    # What was taken back does not come again: it would pass by the limit.
    yield (
        f"CREATE POLICY may_update ON alert_window FOR UPDATE TO {API}"
        f" USING ({rule} AND removed_at IS NULL) WITH CHECK ({rule})"
    )


def _for_the_reader() -> Iterator[str]:
    """It counts, for whoever sees a part alone."""
    counted = {"alert_silence": "org_id, ends_at, ended_at", "alert_window": "org_id, removed_at"}
    for table, columns in counted.items():
        yield f"GRANT SELECT ({columns}) ON {table} TO {READER}"
        yield f"CREATE POLICY member_reader_select ON {table} FOR SELECT TO {READER} USING (true)"
    yield f"GRANT CREATE ON SCHEMA public TO {READER}"
    yield f"ALTER FUNCTION public.limit_calm() OWNER TO {READER}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {READER}"


def _for_the_archivist(table: str) -> Iterator[str]:
    more = {
        "alert_silence": "project_ids, created_at, ended_at, ended_by",
        "alert_window": "created_at, updated_at, removed_at",
    }
    yield f"GRANT SELECT ({COLUMNS[table]}, {more[table]}), DELETE ON {table} TO {ARCHIVIST}"
    yield f"CREATE POLICY archivist_select ON {table} FOR SELECT TO {ARCHIVIST} USING ({OPERATED})"
    yield f"CREATE POLICY archivist_delete ON {table} FOR DELETE TO {ARCHIVIST} USING ({CLOSED})"


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
