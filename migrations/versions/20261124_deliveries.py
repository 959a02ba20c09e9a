"""What is to be told, what was told, and deliveries in lanes (ADR 0030, 0031)."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261124_deliveries"
down_revision = "20261124_calm"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
ARCHIVIST, HERALD = "augentis_archivist", "augentis_herald"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
PERSON = "(SELECT auth.uid()) IS NOT NULL"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"
OPERATED = "org_id = (SELECT auth.operated_org())"
CLOSED = "org_id = (SELECT auth.closed_org())"
# What the archivist reads: of what leaves with nobody the keys.
COLUMNS = {
    "alert_due": "org_id, subject_id",
    "alert_told": (
        "org_id, channel_id, subject_id, subject_kind, project_id, route_id, thread_id, thread_kind, state,"
        " classification, first_told_at, told_at, reminded_at, refreshed_at, escalated_at, acknowledged_told"
    ),
}
# What people read of what was told. The rest is what the notifier notes for itself.
SHOWN = (
    "org_id, channel_id, subject_id, subject_kind, project_id, route_id, thread_id, thread_kind, state,"
    " classification, first_told_at, told_at, reminded_at, escalated_at"
)
FOUND = "org_id, id, artifact_id"
SAID = {"app_user": "id, full_name", "report_event": "org_id, report_id, kind, at"}
FUNCTIONS = ("alert_of_report()", "alerts_due_again(uuid)", "alert_again()", "alert_of_tag()")
# What is changed there changes what is to be told. A silence or a window that begins holds what would be told
# when it would be; a channel is in no route as it is made.
CHANGED = {
    "alert_channel": "UPDATE OF kind, settings, disabled_at, removed_at",
    "alert_route": "UPDATE OR DELETE",
    "alert_route_channel": "INSERT OR UPDATE OR DELETE",
    "alert_silence": "UPDATE",
    "alert_window": "UPDATE",
}


def upgrade() -> None:
    run_file("20261124_deliveries.sql")
    run_file("20261124_deliveries_lanes.sql")
    for statement in (
        *_for_members(),
        *_for_the_worker(),
        *_for_alerts(),
        *_for_the_archivist(),
        *_for_the_herald(),
        *_again(),
    ):
        op.execute(statement)


def downgrade() -> None:
    run_file("20261124_deliveries_lanes_down.sql")
    for table in CHANGED:
        op.execute(f"DROP TRIGGER alert_again ON {table}")
    op.execute("DROP TRIGGER alert_of_report ON report_event")
    op.execute("DROP TRIGGER alert_of_tag ON tag")
    op.execute("DROP POLICY herald_select ON divergence_report")
    op.execute(f"REVOKE SELECT ({FOUND}) ON divergence_report FROM {HERALD}")  # noqa: S608  # no input
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION public.{function}")
    op.execute("DROP TABLE alert_told, alert_due")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {HERALD}")
    for table, columns in SAID.items():
        op.execute(f"DROP POLICY worker_select ON {table}")
        op.execute(f"REVOKE SELECT ({columns}) ON {table} FROM {WORKER}")  # noqa: S608  # no input


def _for_members() -> Iterator[str]:
    """Tables are shut to whoever has no policy; what was told of their projects people read, and no more."""
    for table in COLUMNS:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT ({SHOWN}) ON alert_told TO {API}"
    yield f"CREATE POLICY members_read ON alert_told FOR SELECT TO {API} USING ({MEMBER})"
    for policy, rule in {"people_only": PERSON, "confined": CONFINED}.items():
        yield f"CREATE POLICY {policy} ON alert_told AS RESTRICTIVE TO {API} USING ({rule})"
    yield (
        f"CREATE POLICY org_of_token ON alert_told AS RESTRICTIVE TO {API}"
        f" USING ({BOUND}) WITH CHECK ({BOUND})"
    )


def _for_the_worker() -> Iterator[str]:
    for table in COLUMNS:
        yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {WORKER}"
        yield f"CREATE POLICY worker_select ON {table} FOR SELECT TO {WORKER} USING (true)"
        yield f"CREATE POLICY worker_insert ON {table} FOR INSERT TO {WORKER} WITH CHECK (true)"
        yield f"CREATE POLICY worker_update ON {table} FOR UPDATE TO {WORKER} USING (true) WITH CHECK (true)"
        yield f"CREATE POLICY worker_delete ON {table} FOR DELETE TO {WORKER} USING (true)"


def _for_alerts() -> Iterator[str]:
    """What alerts say: who is asked, who took or resolved a report, and since when it is open."""
    for table, columns in SAID.items():
        yield f"GRANT SELECT ({columns}) ON {table} TO {WORKER}"
        yield f"CREATE POLICY worker_select ON {table} FOR SELECT TO {WORKER} USING (true)"


def _for_the_archivist() -> Iterator[str]:
    for table, columns in COLUMNS.items():
        yield f"GRANT SELECT ({columns}), DELETE ON {table} TO {ARCHIVIST}"
        yield f"CREATE POLICY archivist_select ON {table} FOR SELECT TO {ARCHIVIST} USING ({OPERATED})"
        yield f"CREATE POLICY archivist_delete ON {table} FOR DELETE TO {ARCHIVIST} USING ({CLOSED})"


def _for_the_herald() -> Iterator[str]:
    """It makes subjects due, whoever changed what is told of them, and does nothing else."""
    yield f"GRANT USAGE ON SCHEMA public TO {HERALD}"
    yield f"GRANT SELECT, INSERT, UPDATE (due_at, changed_at) ON alert_due TO {HERALD}"
    yield f"CREATE POLICY herald_select ON alert_due FOR SELECT TO {HERALD} USING (true)"
    yield f"CREATE POLICY herald_insert ON alert_due FOR INSERT TO {HERALD} WITH CHECK (true)"
    yield f"CREATE POLICY herald_update ON alert_due FOR UPDATE TO {HERALD} USING (true) WITH CHECK (true)"
    yield f"GRANT SELECT ({FOUND}) ON divergence_report TO {HERALD}"
    yield f"CREATE POLICY herald_select ON divergence_report FOR SELECT TO {HERALD} USING (true)"
    yield f"GRANT CREATE ON SCHEMA public TO {HERALD}"
    for function in FUNCTIONS:
        yield f"ALTER FUNCTION public.{function} OWNER TO {HERALD}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {HERALD}"


def _again() -> Iterator[str]:
    """But for an organisation's deletion, after which nobody is told of anything."""
    for table, change in CHANGED.items():
        yield (
            f"CREATE TRIGGER alert_again AFTER {change} ON {table} FOR EACH ROW"
            f" WHEN (CURRENT_USER <> '{ARCHIVIST}') EXECUTE FUNCTION public.alert_again()"
        )
    yield (
        "CREATE TRIGGER alert_of_tag AFTER INSERT OR UPDATE OR DELETE ON tag FOR EACH ROW"
        f" WHEN (CURRENT_USER <> '{ARCHIVIST}') EXECUTE FUNCTION public.alert_of_tag()"
    )
