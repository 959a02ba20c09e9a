"""What agents cost, rolled up (DataModel.md 14)."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_costs"
down_revision = "20261123_agents"
branch_labels = None
depends_on = None

API, WORKER, MESSENGER = "augentis_api", "augentis_worker", "augentis_messenger"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
IN_SIGHT = "(SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[])"
# A mark that names no project is of all of them.
CONFINED = {"cost_tracking": f"({IN_SIGHT})", "cost_pending": f"({IN_SIGHT} OR project_id IS NULL)"}
# All that the messenger may do here: it sees no execution and no cost.
MARK = "org_id, project_id, day"


def upgrade() -> None:
    run_file("20261123_costs.sql")
    for statement in (*_for_members(), *_for_the_worker(), *_for_the_messenger()):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION public.mark_all_costs() CASCADE")
    op.execute("DROP FUNCTION public.mark_costs() CASCADE")
    op.execute("DROP INDEX ix_agent_execution_ended")
    op.execute("DROP TABLE cost_pending, cost_tracking")


def _for_members() -> Iterator[str]:
    for table, confined in CONFINED.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        yield f"GRANT SELECT ON {table} TO {API}"
        yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({MEMBER})"
        yield (
            f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API}"
            f" USING ({BOUND}) WITH CHECK ({BOUND})"
        )
        yield f"CREATE POLICY confined ON {table} AS RESTRICTIVE TO {API} USING {confined}"


def _for_the_worker() -> Iterator[str]:
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON cost_tracking TO {WORKER}"
    yield f"CREATE POLICY worker_insert ON cost_tracking FOR INSERT TO {WORKER} WITH CHECK (true)"
    yield (
        f"CREATE POLICY worker_update ON cost_tracking FOR UPDATE TO {WORKER} USING (true) WITH CHECK (true)"
    )
    yield f"GRANT SELECT, DELETE ON cost_pending TO {WORKER}"
    for table in CONFINED:
        yield f"CREATE POLICY worker_select ON {table} FOR SELECT TO {WORKER} USING (true)"
        yield f"CREATE POLICY worker_delete ON {table} FOR DELETE TO {WORKER} USING (true)"


def _for_the_messenger() -> Iterator[str]:
    yield f"GRANT INSERT ({MARK}) ON cost_pending TO {MESSENGER}"
    yield f"CREATE POLICY messenger_insert ON cost_pending FOR INSERT TO {MESSENGER} WITH CHECK (true)"
    yield f"GRANT CREATE ON SCHEMA public TO {MESSENGER}"
    yield f"ALTER FUNCTION public.mark_costs() OWNER TO {MESSENGER}"
    yield f"ALTER FUNCTION public.mark_all_costs() OWNER TO {MESSENGER}"
    yield f"REVOKE CREATE ON SCHEMA public FROM {MESSENGER}"
