"""How people handle reports, and the timeline of each (ADR 0025)."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_handling"
down_revision = "20261123_circles"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
READER, ARCHIVIST, CHRONICLER = "augentis_member_reader", "augentis_archivist", "augentis_chronicler"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"
PERSON = "(SELECT auth.uid()) IS NOT NULL"
EDITS = (
    "CASE (SELECT auth.my_role()) WHEN 'ADMIN' THEN true"
    " WHEN 'MEMBER' THEN project_id <> ALL ((SELECT auth.projects_as(false))::uuid[])"
    " WHEN 'VIEWER' THEN project_id = ANY ((SELECT auth.projects_as(true))::uuid[])"
    " ELSE false END"
)
# Which of the two may what, guard_handling() says.
HANDLES = f"{MEMBER} AND ({EDITS} OR project_id = ANY ((SELECT auth.projects_commented())::uuid[]))"
OPERATED = "org_id = (SELECT auth.operated_org())"
CLOSED = "org_id = (SELECT auth.closed_org())"
# What people say; by whom and when is the database's to say.
SAID = "acknowledged_at, assignee_id, snoozed_until, close_reason, reopen_reason"
HANDLING = f"{SAID}, acknowledged_by, closed_at, closed_by, closed_as, handling_version, state"
NUMBERS = (
    "actual_value, actual_number, relative_gap, telemetry_evidence_tier, tier_delta, classification, summary,"
    " e_value, threshold, actual_since, interval_low, interval_high, confidence, days, lane, configuration,"
    " telemetry_revisions, telemetry_digest, sample_count, user_count, first_hour, last_hour"
)
FOUND = (
    "org_id, id, project_id, artifact_id, assumption_id, divergence_type, metric_name, cohort, feature,"
    f" assumed_value, assumed_number, unit, assumption_evidence_tier, detected_at, shadow, launch,"
    f" historical, incident_id, {NUMBERS}"
)
BECAME = f"{NUMBERS}, status, resolution, resolved_at, incident_id, updated_at"
COMMENT = "org_id, id, project_id, report_id, body"
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
KNOWN = (
    "'Organization', 'User', 'OrganizationMember', 'Invitation', 'Workspace', 'Project', 'ProjectAccess',"
    " 'Artifact', 'Tag', 'ArtifactDependency', 'Assumption', 'MachineKey', 'OtlpMapping', 'ExclusionWindow',"
    " 'HolidayCalendar', 'Evidence', 'PhaseGateDecision', 'GateArtifact', 'GateEvidence', 'AgentExecution',"
    " 'DivergenceReport', 'CascadeAnalysis'"
)


def upgrade() -> None:
    run_file("20261123_handling.sql")
    for statement in (
        *_of_the_timeline(),
        *_of_reports(),
        *_for_the_chronicler(),
        *_for_the_archivist(),
        *_audit(),
        *_resources(f"{KNOWN}, 'ReportEvent'"),
    ):
        op.execute(statement)


def downgrade() -> None:
    run_file("20261123_handling_down.sql")
    op.execute(f"GRANT INSERT, UPDATE ON divergence_report TO {WORKER}")
    op.execute(f"REVOKE EXECUTE ON FUNCTION auth.claims(), auth.uid() FROM {CHRONICLER}")
    op.execute(f"REVOKE USAGE ON SCHEMA auth, public FROM {CHRONICLER}")
    # What was told of them stays told: the entries are nobody's to delete.
    for statement in _resources(KNOWN, suffix=" NOT VALID"):
        op.execute(statement)
    op.execute("""DO $$ BEGIN
        ALTER TABLE audit_log VALIDATE CONSTRAINT ck_audit_log_resource_type;
    EXCEPTION WHEN check_violation THEN NULL; END $$""")


def _of_the_timeline() -> Iterator[str]:
    yield "ALTER TABLE report_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT, INSERT ({COMMENT}) ON report_event TO {API}"
    yield f"CREATE POLICY members_read ON report_event FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON report_event AS RESTRICTIVE TO {API}"
        f" USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON report_event AS RESTRICTIVE TO {API} USING ({CONFINED})"
    yield f"CREATE POLICY people_only ON report_event AS RESTRICTIVE TO {API} USING ({PERSON})"
    yield f"CREATE POLICY may_insert ON report_event FOR INSERT TO {API} WITH CHECK ({HANDLES})"


def _of_reports() -> Iterator[str]:
    """People's columns are the API's, all others the worker's."""
    yield "REVOKE ALL ON FUNCTION auth.projects_commented() FROM PUBLIC"
    yield f"GRANT CREATE ON SCHEMA auth TO {READER}"
    yield f"ALTER FUNCTION auth.projects_commented() OWNER TO {READER}"
    yield f"REVOKE CREATE ON SCHEMA auth FROM {READER}"
    yield f"GRANT EXECUTE ON FUNCTION auth.projects_commented() TO {API}"
    yield f"GRANT UPDATE ({SAID}) ON divergence_report TO {API}"
    yield (
        f"CREATE POLICY may_update ON divergence_report FOR UPDATE TO {API}"
        f" USING ({HANDLES}) WITH CHECK ({HANDLES})"
    )
    yield f"REVOKE INSERT, UPDATE ON divergence_report FROM {WORKER}"
    yield f"GRANT INSERT ({FOUND}), UPDATE ({BECAME}) ON divergence_report TO {WORKER}"


def _for_the_chronicler() -> Iterator[str]:
    """It writes timelines, and does nothing else."""
    triggers = "public.guard_handling(), public.reopen_worse(), public.number_report_event()"
    yield f"REVOKE ALL ON FUNCTION {triggers}, public.tell_of_report() FROM PUBLIC"
    yield f"GRANT USAGE ON SCHEMA auth, public TO {CHRONICLER}"
    yield f"GRANT EXECUTE ON FUNCTION auth.claims(), auth.uid() TO {CHRONICLER}"
    yield f"GRANT SELECT, INSERT ON report_event TO {CHRONICLER}"
    yield f"CREATE POLICY chronicler_select ON report_event FOR SELECT TO {CHRONICLER} USING (true)"
    yield f"CREATE POLICY chronicler_insert ON report_event FOR INSERT TO {CHRONICLER} WITH CHECK (true)"
    yield f"GRANT CREATE ON SCHEMA public TO {CHRONICLER}"
    yield f"ALTER FUNCTION public.tell_of_report() OWNER TO {CHRONICLER}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {CHRONICLER}"


def _for_the_archivist() -> Iterator[str]:
    yield f"GRANT SELECT ({HANDLING}) ON divergence_report TO {ARCHIVIST}"
    columns = "org_id, id, project_id, report_id, sequence, kind, actor_kind, actor_id, at, body"
    yield f"GRANT SELECT ({columns}), DELETE ON report_event TO {ARCHIVIST}"
    yield f"CREATE POLICY archivist_select ON report_event FOR SELECT TO {ARCHIVIST} USING ({OPERATED})"
    yield f"CREATE POLICY archivist_delete ON report_event FOR DELETE TO {ARCHIVIST} USING ({CLOSED})"


def _audit() -> Iterator[str]:
    """Comments alone: the log has the changes of reports already."""
    for verb, rows in ROWS.items():
        commented = f" WHEN (CURRENT_USER <> '{CHRONICLER}')" if verb == "INSERT" else ""
        yield (
            f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON report_event REFERENCING {rows}"
            f" FOR EACH STATEMENT{commented} EXECUTE FUNCTION auth.audit('ReportEvent', 'id')"
        )


def _resources(listed: str, suffix: str = "") -> Iterator[str]:
    yield "ALTER TABLE audit_log DROP CONSTRAINT ck_audit_log_resource_type"
    yield (
        "ALTER TABLE audit_log ADD CONSTRAINT ck_audit_log_resource_type"
        f" CHECK (resource_type IN ({listed})){suffix}"
    )
