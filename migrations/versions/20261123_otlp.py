"""The last point of each hour of a cumulative OTLP series."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_otlp"
down_revision = "20261123_letters"
branch_labels = None
depends_on = None

WORKER = "augentis_worker"
TABLES = ("otlp_series", "otlp_point")


def upgrade() -> None:
    run_file("20261123_otlp.sql")
    for statement in _for_worker():
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP POLICY worker_delete ON telemetry")
    op.execute(f"REVOKE DELETE ON telemetry FROM {WORKER}")
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")


def _for_worker() -> Iterator[str]:
    for table in TABLES:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        for command in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            yield from _may(command, table)
    # An earlier point that arrives late may leave nothing to an hour that was closed.
    yield from _may("DELETE", "telemetry")


def _may(command: str, table: str) -> Iterator[str]:
    using = "" if command == "INSERT" else " USING (true)"
    check = " WITH CHECK (true)" if command in ("INSERT", "UPDATE") else ""
    yield f"GRANT {command} ON {table} TO {WORKER}"
    yield f"CREATE POLICY worker_{command.lower()} ON {table} FOR {command} TO {WORKER}{using}{check}"
