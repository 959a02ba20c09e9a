"""What a project counts and may send: its series, quotas of keys, topics bound to a tenant."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_series"
down_revision = "20261123_audit"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"
WRITTEN = {
    "series": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "series_count": ("SELECT", "INSERT", "UPDATE"),
    "key_usage": ("SELECT", "INSERT", "UPDATE"),
    "topic_binding": ("SELECT", "INSERT", "UPDATE"),
}


def upgrade() -> None:
    run_file("20261123_series.sql")
    for statement in (*_for_worker(), *_for_api()):
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(WRITTEN):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE machine_key DROP COLUMN quota")


def _for_worker() -> Iterator[str]:
    for table, commands in WRITTEN.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        for command in commands:
            using = "" if command == "INSERT" else " USING (true)"
            check = " WITH CHECK (true)" if command in ("INSERT", "UPDATE") else ""
            name = f"worker_{command.lower()}"
            yield f"GRANT {command} ON {table} TO {WORKER}"
            yield f"CREATE POLICY {name} ON {table} FOR {command} TO {WORKER}{using}{check}"


def _for_api() -> Iterator[str]:
    yield f"GRANT SELECT (quota) ON machine_key TO {API}"
    yield f"GRANT SELECT ON series TO {API}"
    yield f"CREATE POLICY members_read ON series FOR SELECT TO {API} USING ({MEMBER})"
    yield (
        f"CREATE POLICY org_of_token ON series AS RESTRICTIVE TO {API} USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON series AS RESTRICTIVE TO {API} USING ({CONFINED})"
