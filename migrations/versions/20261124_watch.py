"""What the system notices of itself: silence of projects and cohorts (ADR 0033)."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261124_watch"
down_revision = "20261124_deliveries"
branch_labels = None
depends_on = None

API, WORKER, ARCHIVIST, HERALD = "augentis_api", "augentis_worker", "augentis_archivist", "augentis_herald"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"
OPERATED = "org_id = (SELECT auth.operated_org())"
CLOSED = "org_id = (SELECT auth.closed_org())"
COLUMNS = "org_id, id, project_id, kind, cohort, opened_at, ended_at, detail, updated_at"


def upgrade() -> None:
    run_file("20261124_watch.sql")
    for statement in (*_for_members(), *_for_the_worker(), *_for_the_archivist(), *_for_the_herald()):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE alert_notice")
    op.execute("DROP FUNCTION public.alert_of_notice()")
    op.execute("ALTER TABLE project_clock DROP COLUMN day_closed_at")


def _for_members() -> Iterator[str]:
    yield "ALTER TABLE alert_notice ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT ON alert_notice TO {API}"
    yield f"CREATE POLICY members_read ON alert_notice FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON alert_notice AS RESTRICTIVE TO {API}"
        f" USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON alert_notice AS RESTRICTIVE TO {API} USING ({CONFINED})"


def _for_the_worker() -> Iterator[str]:
    """It opens and ends them; what was noticed is not rewritten, nor where."""
    yield f"GRANT SELECT, INSERT, UPDATE (ended_at, detail, updated_at) ON alert_notice TO {WORKER}"
    yield f"CREATE POLICY worker_select ON alert_notice FOR SELECT TO {WORKER} USING (true)"
    yield f"CREATE POLICY worker_insert ON alert_notice FOR INSERT TO {WORKER} WITH CHECK (true)"
    yield (
        f"CREATE POLICY worker_update ON alert_notice FOR UPDATE TO {WORKER} USING (true) WITH CHECK (true)"
    )


def _for_the_archivist() -> Iterator[str]:
    yield f"GRANT SELECT (day_closed_at) ON project_clock TO {ARCHIVIST}"
    yield f"GRANT SELECT ({COLUMNS}), DELETE ON alert_notice TO {ARCHIVIST}"
    yield f"CREATE POLICY archivist_select ON alert_notice FOR SELECT TO {ARCHIVIST} USING ({OPERATED})"
    yield f"CREATE POLICY archivist_delete ON alert_notice FOR DELETE TO {ARCHIVIST} USING ({CLOSED})"


def _for_the_herald() -> Iterator[str]:
    yield f"GRANT CREATE ON SCHEMA public TO {HERALD}"
    yield f"ALTER FUNCTION public.alert_of_notice() OWNER TO {HERALD}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {HERALD}"
