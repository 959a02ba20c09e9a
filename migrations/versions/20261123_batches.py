"""Batches seen by the week of their first sight, forgotten without a delete; what was reset in the ledger."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_batches"
down_revision = "20261123_mapping"
branch_labels = None
depends_on = None

WORKER, KEEPER = "augentis_worker", "augentis_keeper"
FUNCTIONS = ("public.ensure_batch_weeks(date[])", "public.drop_batch_weeks(date)")

# A partition that its topic no longer has is forgotten by `augentis ledger reset`, with the worker's login.
LEDGER_ROWS_GO = (
    f"GRANT DELETE ON partition_ledger TO {WORKER}",
    f"CREATE POLICY worker_delete ON partition_ledger FOR DELETE TO {WORKER} USING (true)",
)


def upgrade() -> None:
    run_file("20261123_batches.sql")
    # A batch is noted and asked for, never changed; whole weeks are dropped by the keeper's function.
    for statement in (*_open("SELECT", "INSERT"), *_handed_over(), *_moved(), *LEDGER_ROWS_GO):
        op.execute(statement)


def downgrade() -> None:
    run_file("20261123_batches_down.sql")
    op.execute("DROP POLICY worker_delete ON partition_ledger")
    op.execute(f"REVOKE DELETE ON partition_ledger FROM {WORKER}")
    for statement in _open("SELECT", "INSERT", "UPDATE", "DELETE"):
        op.execute(statement)


def _open(*commands: str) -> Iterator[str]:
    for command in commands:
        using = "" if command == "INSERT" else " USING (true)"
        check = " WITH CHECK (true)" if command in ("INSERT", "UPDATE") else ""
        yield f"GRANT {command} ON batch_seen TO {WORKER}"
        yield (
            f"CREATE POLICY worker_{command.lower()} ON batch_seen FOR {command} TO {WORKER}{using}{check}"
        )


def _handed_over() -> Iterator[str]:
    yield f"ALTER TABLE batch_seen OWNER TO {KEEPER}"
    for function in FUNCTIONS:
        yield f"ALTER FUNCTION {function} OWNER TO {KEEPER}"
        yield f"GRANT EXECUTE ON FUNCTION {function} TO {WORKER}, CURRENT_USER"


def _moved() -> Iterator[str]:
    days = "SELECT DISTINCT (seen_at AT TIME ZONE 'UTC')::date FROM batch_seen_old"
    yield f"SELECT public.ensure_batch_weeks(ARRAY({days}))"
    yield """INSERT INTO batch_seen (org_id, project_id, batch_id, week)
             SELECT org_id, project_id, batch_id, date_trunc('week', seen_at AT TIME ZONE 'UTC')::date
             FROM batch_seen_old"""
    yield "DROP TABLE batch_seen_old"
    yield "ALTER TABLE batch_seen ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
