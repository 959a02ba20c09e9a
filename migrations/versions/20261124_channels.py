"""Where alerts go: channels of an organisation, with sealed secrets (ADR 0027)."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261124_channels"
down_revision = "20261123_handling"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
ARCHIVIST, ERASER = "augentis_archivist", "augentis_eraser"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
PERSON = "(SELECT auth.uid()) IS NOT NULL"
# What concerns all of the organisation is not for a token of one workspace.
ADMINISTERS = "(SELECT auth.my_role()) = 'ADMIN' AND (SELECT auth.workspace_id()) IS NULL"
BY_CALLER = "created_by = (SELECT auth.uid())"
OPERATED = "org_id = (SELECT auth.operated_org())"
CLOSED = "org_id = (SELECT auth.closed_org())"
ADDRESS = "(SELECT lower(u.email) FROM app_user AS u WHERE u.id = (SELECT auth.erased_user()))"
TOLD = (
    "EXISTS (SELECT FROM jsonb_array_elements_text(settings -> 'to') AS a (address)"
    f" WHERE lower(a.address) = {ADDRESS})"
)
LISTS = "kind = 'email' AND (SELECT auth.erased_user()) IS NOT NULL"
# All but `sealed`: no statement of the API's role gives a secret back, and none leaves with an export.
SHOWN = (
    "org_id, id, name, kind, settings, secret_changed_at, secret_rotated_at, rate_per_minute,"
    " heartbeat_every, disabled_at, disabled_reason, created_by, created_at, updated_at, removed_at, version"
)
SAID = "org_id, id, name, kind, settings, sealed, rate_per_minute, heartbeat_every, created_by"
CHANGED = (
    "name, settings, sealed, secret_rotated_at, rate_per_minute, heartbeat_every, disabled_at,"
    " disabled_reason, removed_at"
)
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
KNOWN = (
    "'Organization', 'User', 'OrganizationMember', 'Invitation', 'Workspace', 'Project', 'ProjectAccess',"
    " 'Artifact', 'Tag', 'ArtifactDependency', 'Assumption', 'MachineKey', 'OtlpMapping', 'ExclusionWindow',"
    " 'HolidayCalendar', 'Evidence', 'PhaseGateDecision', 'GateArtifact', 'GateEvidence', 'AgentExecution',"
    " 'DivergenceReport', 'CascadeAnalysis', 'ReportEvent'"
)


def upgrade() -> None:
    run_file("20261124_channels.sql")
    run_file("20261124_channels_audit.sql")
    for statement in (
        *_for_the_api(),
        *_for_the_worker(),
        *_for_the_archivist(),
        *_for_the_eraser(),
        *_audit(),
        *_resources(f"{KNOWN}, 'AlertChannel'"),
    ):
        op.execute(statement)


def downgrade() -> None:
    run_file("20261124_channels_down.sql")
    run_file("20261123_chain_audit.sql")
    # What was told of them stays told: the entries are nobody's to delete.
    for statement in _resources(KNOWN, suffix=" NOT VALID"):
        op.execute(statement)
    op.execute("""DO $$ BEGIN
        ALTER TABLE audit_log VALIDATE CONSTRAINT ck_audit_log_resource_type;
    EXCEPTION WHEN check_violation THEN NULL; END $$""")


def _for_the_api() -> Iterator[str]:
    """Its role writes secrets, and reads none; everybody of the organisation sees where alerts go."""
    yield "ALTER TABLE alert_channel ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT ({SHOWN}), INSERT ({SAID}), UPDATE ({CHANGED}) ON alert_channel TO {API}"
    yield f"CREATE POLICY members_read ON alert_channel FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON alert_channel AS RESTRICTIVE TO {API}"
        f" USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY people_only ON alert_channel AS RESTRICTIVE TO {API} USING ({PERSON})"
    rule = f"{MEMBER} AND {ADMINISTERS}"
    yield (
        f"CREATE POLICY may_insert ON alert_channel FOR INSERT TO {API} WITH CHECK ({rule} AND {BY_CALLER})"
    )
    yield (
        f"CREATE POLICY may_update ON alert_channel FOR UPDATE TO {API}"
        f" USING ({rule} AND removed_at IS NULL) WITH CHECK ({rule})"
    )


def _for_the_worker() -> Iterator[str]:
    """It sends, and says when an address is gone."""
    yield f"GRANT SELECT, UPDATE (disabled_at, disabled_reason) ON alert_channel TO {WORKER}"
    yield f"CREATE POLICY worker_select ON alert_channel FOR SELECT TO {WORKER} USING (true)"
    yield (
        f"CREATE POLICY worker_update ON alert_channel FOR UPDATE TO {WORKER} USING (true) WITH CHECK (true)"
    )


def _for_the_archivist() -> Iterator[str]:
    yield f"GRANT SELECT ({SHOWN}), DELETE ON alert_channel TO {ARCHIVIST}"
    yield f"CREATE POLICY archivist_select ON alert_channel FOR SELECT TO {ARCHIVIST} USING ({OPERATED})"
    yield f"CREATE POLICY archivist_delete ON alert_channel FOR DELETE TO {ARCHIVIST} USING ({CLOSED})"


def _for_the_eraser() -> Iterator[str]:
    """It takes an address out of the lists that have it: it must see them without it as well."""
    changed = "settings, disabled_at, disabled_reason"
    yield f"GRANT SELECT (org_id, id, kind, {changed}), UPDATE ({changed}) ON alert_channel TO {ERASER}"
    yield f"CREATE POLICY eraser_select ON alert_channel FOR SELECT TO {ERASER} USING ({LISTS})"
    yield (
        f"CREATE POLICY eraser_update ON alert_channel FOR UPDATE TO {ERASER}"
        f" USING ({TOLD}) WITH CHECK ({LISTS})"
    )


def _audit() -> Iterator[str]:
    for verb, rows in ROWS.items():
        yield (
            f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON alert_channel REFERENCING {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION auth.audit('AlertChannel', 'id')"
        )


def _resources(listed: str, suffix: str = "") -> Iterator[str]:
    yield "ALTER TABLE audit_log DROP CONSTRAINT ck_audit_log_resource_type"
    yield (
        "ALTER TABLE audit_log ADD CONSTRAINT ck_audit_log_resource_type"
        f" CHECK (resource_type IN ({listed})){suffix}"
    )
