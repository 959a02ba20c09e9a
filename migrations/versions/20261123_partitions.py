"""Telemetry and partials by month (UTC), so that history is dropped without a delete.

Rows, policies and grants move over as they are found: down is up with another shape.
"""

from collections.abc import Iterator

from alembic import op
from sqlalchemy import text

from migrations.sql import run_file

revision = "20261123_partitions"
down_revision = "20261123_main_job"
branch_labels = None
depends_on = None

WORKER, KEEPER = "augentis_worker", "augentis_keeper"
FUNCTIONS = (
    "public.ensure_partitions(text[], date[])",
    "public.drop_partitions(text[], date, integer)",
)

MONTH_OF = {"partial": "hour", "telemetry": "timestamp"}
# A partitioned table has no storage of its own: its partitions are given theirs as they are made.
STORAGE = {"partial": " WITH (fillfactor = 60)", "telemetry": ""}
INDEXES = {
    "partial": ("ix_partial_dirty ON partial (org_id, project_id, hour) WHERE dirty",),
    "telemetry": ("ix_telemetry_page ON telemetry (org_id, project_id, metric_name, timestamp DESC)",),
}
KEYS = {
    "partial": (
        "pk_partial PRIMARY KEY (org_id, project_id, hour, metric_name, cohort, feature, topic, partition)",
    ),
    "telemetry": (
        "pk_telemetry PRIMARY KEY (org_id, project_id, timestamp, metric_name, cohort, feature)",
        "fk_telemetry_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id)",
    ),
}


def upgrade() -> None:
    run_file("20261123_partitions_functions.sql")
    _run(_hand_over())
    for table in MONTH_OF:
        _rebuild(table, by_month=True)


def downgrade() -> None:
    # Its owner is asked for its rows when a foreign key is added.
    _run(["ALTER TABLE project NO FORCE ROW LEVEL SECURITY"])
    for table in MONTH_OF:
        _rebuild(table, by_month=False)
    _run(["ALTER TABLE project FORCE ROW LEVEL SECURITY"])
    _run(f"DROP FUNCTION {function}" for function in FUNCTIONS)
    _run([f"REVOKE ALL ON SCHEMA public FROM {KEEPER}"])


def _hand_over() -> Iterator[str]:
    # For as long as it lives, and not only now: it makes tables.
    yield f"GRANT USAGE, CREATE ON SCHEMA public TO {KEEPER}"
    for function in FUNCTIONS:
        yield f"ALTER FUNCTION {function} OWNER TO {KEEPER}"
        yield f"GRANT EXECUTE ON FUNCTION {function} TO {WORKER}, CURRENT_USER"


def _rebuild(table: str, *, by_month: bool) -> None:
    """Make the table anew in the other shape, with its rows and with who may do what."""
    shape = f" PARTITION BY RANGE ({MONTH_OF[table]})" if by_month else STORAGE[table]
    rules = [*_grants(table), *_policies(table)]
    _run(_made(table, shape))
    if by_month:
        _run(_kept(table))
    _run([f"INSERT INTO {table} SELECT * FROM {table}_old", f"DROP TABLE {table}_old"])  # noqa: S608  # our names
    _run(rules)
    _run([f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"])


def _made(table: str, shape: str) -> Iterator[str]:
    yield f"ALTER TABLE {table} RENAME TO {table}_old"
    # Under FORCE its owner has no rows to move.
    yield f"ALTER TABLE {table}_old NO FORCE ROW LEVEL SECURITY"
    # Names of indexes are the schema's.
    yield f"ALTER TABLE {table}_old DROP CONSTRAINT pk_{table}"
    yield from (f"DROP INDEX {index.split()[0]}" for index in INDEXES[table])
    yield f"CREATE TABLE {table} (LIKE {table}_old INCLUDING ALL){shape}"
    yield from (f"ALTER TABLE {table} ADD CONSTRAINT {key}" for key in KEYS[table])
    yield from (f"CREATE INDEX {index}" for index in INDEXES[table])


def _kept(table: str) -> Iterator[str]:
    """Give the table to the keeper, with a partition for each month that has rows."""
    yield f"ALTER TABLE {table} OWNER TO {KEEPER}"
    months = (
        f"SELECT DISTINCT date_trunc('month', {MONTH_OF[table]} AT TIME ZONE 'UTC')::date FROM {table}_old"  # noqa: S608
    )
    yield f"SELECT public.ensure_partitions(ARRAY['{table}'], ARRAY({months}))"


def _grants(table: str) -> list[str]:
    rows = op.get_bind().execute(
        text(
            """SELECT a.privilege_type, a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
               WHERE c.oid = CAST(:table AS regclass) AND a.grantee <> c.relowner"""
        ),
        {"table": table},
    )
    return [f"GRANT {privilege} ON {table} TO {grantee}" for privilege, grantee in rows]


def _policies(table: str) -> list[str]:
    rows = op.get_bind().execute(
        text("SELECT * FROM pg_policies WHERE schemaname = 'public' AND tablename = :table"), {"table": table}
    )
    return [
        f"CREATE POLICY {row.policyname} ON {table} AS {row.permissive} FOR {row.cmd}"
        f" TO {', '.join(row.roles)}"
        + (f" USING ({row.qual})" if row.qual else "")
        + (f" WITH CHECK ({row.with_check})" if row.with_check else "")
        for row in rows
    ]


def _run(statements: Iterator[str] | list[str]) -> None:
    for statement in statements:
        op.execute(statement)
