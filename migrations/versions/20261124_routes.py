"""Which alert goes to which channel (ADR 0028)."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261124_routes"
down_revision = "20261124_channels"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
OPERATOR, ARCHIVIST = "augentis_operator", "augentis_archivist"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
PERSON = "(SELECT auth.uid()) IS NOT NULL"
# What concerns all of the organisation is not for a token of one workspace.
ADMINISTERS = f"{MEMBER} AND (SELECT auth.my_role()) = 'ADMIN' AND (SELECT auth.workspace_id()) IS NULL"
# A route of other projects alone is nothing to whoever sees some projects only.
CONFINED = (
    "((SELECT auth.confined_to()) IS NULL OR coalesce(matchers -> 'project_id', '[]') = '[]'"
    " OR matchers -> 'project_id' ?| ((SELECT auth.confined_to())::text[]))"
)
OF_ITS_ROUTE = (
    "EXISTS (SELECT FROM alert_route AS r WHERE r.org_id = alert_route_channel.org_id"
    " AND r.id = alert_route_channel.route_id)"
)
OPERATED = "org_id = (SELECT auth.operated_org())"
CLOSED = "org_id = (SELECT auth.closed_org())"
SAID = (
    "name, position, matchers, continues, group_by, group_wait, repeat_every, cosmetic, send_resolved,"
    " storm_at, escalate_after"
)
AUDITED = {
    "alert_route": "'AlertRoute', 'id'",
    "alert_route_channel": "'AlertRouteChannel', 'route_id', 'channel_id'",
}
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
KNOWN = (
    "'Organization', 'User', 'OrganizationMember', 'Invitation', 'Workspace', 'Project', 'ProjectAccess',"
    " 'Artifact', 'Tag', 'ArtifactDependency', 'Assumption', 'MachineKey', 'OtlpMapping', 'ExclusionWindow',"
    " 'HolidayCalendar', 'Evidence', 'PhaseGateDecision', 'GateArtifact', 'GateEvidence', 'AgentExecution',"
    " 'DivergenceReport', 'CascadeAnalysis', 'ReportEvent', 'AlertChannel'"
)
# Row security is forced upon its owner, who migrates: it sees no organisation but now.
FOR_THOSE_THAT_EXIST = (
    "ALTER TABLE organization NO FORCE ROW LEVEL SECURITY",
    """INSERT INTO alert_route (org_id, id, name, position, is_default)
       SELECT o.id, gen_random_uuid(), 'Default', 1000000, true FROM organization AS o""",
    "ALTER TABLE organization FORCE ROW LEVEL SECURITY",
)


def upgrade() -> None:
    run_file("20261124_routes.sql")
    for statement in (
        *_audit(),
        *_resources(f"{KNOWN}, 'AlertRoute', 'AlertRouteChannel'"),
        *FOR_THOSE_THAT_EXIST,
        *_of_routes(),
        *_of_their_channels(),
        *_for_the_worker(),
        *_for_the_operator(),
        *_for_the_archivist(),
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP POLICY worker_select ON tag")
    op.execute(f"REVOKE ALL (org_id, artifact_id, tag_name) ON tag FROM {WORKER}")
    op.execute("DROP TRIGGER make_default_route ON organization")
    op.execute("DROP FUNCTION public.make_default_route()")
    for table in reversed(AUDITED):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION public.place_alert_route(), public.guard_alert_route()")
    op.execute("DROP FUNCTION public.are_matchers(jsonb)")
    # What was told of them stays told: the entries are nobody's to delete.
    for statement in _resources(KNOWN, suffix=" NOT VALID"):
        op.execute(statement)
    op.execute("""DO $$ BEGIN
        ALTER TABLE audit_log VALIDATE CONSTRAINT ck_audit_log_resource_type;
    EXCEPTION WHEN check_violation THEN NULL; END $$""")


def _rights(table: str, confined: str) -> Iterator[str]:
    """Members read, ADMINs write, the worker reads."""
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT, DELETE ON {table} TO {API}"
    yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API} USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON {table} AS RESTRICTIVE TO {API} USING ({confined})"
    yield f"CREATE POLICY people_only ON {table} AS RESTRICTIVE TO {API} USING ({PERSON})"
    yield f"GRANT SELECT ON {table} TO {WORKER}"
    yield f"CREATE POLICY worker_select ON {table} FOR SELECT TO {WORKER} USING (true)"


def _of_routes() -> Iterator[str]:
    yield from _rights("alert_route", CONFINED)
    yield f"GRANT INSERT (org_id, id, created_by, {SAID}), UPDATE ({SAID}) ON alert_route TO {API}"
    yield (
        f"CREATE POLICY may_insert ON alert_route FOR INSERT TO {API}"
        f" WITH CHECK ({ADMINISTERS} AND created_by = (SELECT auth.uid()))"
    )
    yield (
        f"CREATE POLICY may_update ON alert_route FOR UPDATE TO {API}"
        f" USING ({ADMINISTERS}) WITH CHECK ({ADMINISTERS})"
    )
    deletable = f"{ADMINISTERS} AND NOT is_default"
    yield f"CREATE POLICY may_delete ON alert_route FOR DELETE TO {API} USING ({deletable})"
    yield f"GRANT EXECUTE ON FUNCTION public.are_matchers(jsonb) TO {API}"


def _of_their_channels() -> Iterator[str]:
    yield from _rights("alert_route_channel", OF_ITS_ROUTE)
    yield f"GRANT INSERT ON alert_route_channel TO {API}"
    yield (f"CREATE POLICY may_insert ON alert_route_channel FOR INSERT TO {API} WITH CHECK ({ADMINISTERS})")
    yield f"CREATE POLICY may_delete ON alert_route_channel FOR DELETE TO {API} USING ({ADMINISTERS})"


def _for_the_worker() -> Iterator[str]:
    """Tags are matched, too."""
    yield f"GRANT SELECT (org_id, artifact_id, tag_name) ON tag TO {WORKER}"
    yield f"CREATE POLICY worker_select ON tag FOR SELECT TO {WORKER} USING (true)"


def _for_the_operator() -> Iterator[str]:
    """Whoever makes organisations makes the route that each begins with, and no other."""
    yield f"GRANT INSERT (org_id, id, name, position, is_default) ON alert_route TO {OPERATOR}"
    yield f"CREATE POLICY operator_insert ON alert_route FOR INSERT TO {OPERATOR} WITH CHECK (is_default)"
    yield f"GRANT EXECUTE ON FUNCTION public.are_matchers(jsonb) TO {OPERATOR}"
    yield f"GRANT CREATE ON SCHEMA public TO {OPERATOR}"
    yield f"ALTER FUNCTION public.make_default_route() OWNER TO {OPERATOR}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {OPERATOR}"


def _for_the_archivist() -> Iterator[str]:
    for table in AUDITED:
        yield f"GRANT SELECT, DELETE ON {table} TO {ARCHIVIST}"
        yield f"CREATE POLICY archivist_select ON {table} FOR SELECT TO {ARCHIVIST} USING ({OPERATED})"
        yield f"CREATE POLICY archivist_delete ON {table} FOR DELETE TO {ARCHIVIST} USING ({CLOSED})"


def _audit() -> Iterator[str]:
    for table, told in AUDITED.items():
        for verb, rows in ROWS.items():
            yield (
                f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON {table} REFERENCING {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION auth.audit({told})"
            )


def _resources(listed: str, suffix: str = "") -> Iterator[str]:
    yield "ALTER TABLE audit_log DROP CONSTRAINT ck_audit_log_resource_type"
    yield (
        "ALTER TABLE audit_log ADD CONSTRAINT ck_audit_log_resource_type"
        f" CHECK (resource_type IN ({listed})){suffix}"
    )
