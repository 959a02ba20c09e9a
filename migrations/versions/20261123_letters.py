"""Dead letters: what was refused, where it lies and why."""

from collections.abc import Iterator

from alembic import op

from migrations.sql import run_file

revision = "20261123_letters"
down_revision = "20261123_series"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"

# As the audit log is read: by ADMINs, who are people; with a token of one workspace what is its projects'.
ADMINISTERS = "org_id = ANY ((SELECT auth.my_orgs())::uuid[]) AND (SELECT auth.my_role()) = 'ADMIN'"
BOUND = "org_id = (SELECT auth.org_id())"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[]))"
PERSON = "(SELECT auth.uid()) IS NOT NULL"


def upgrade() -> None:
    run_file("20261123_letters.sql")
    op.execute("ALTER TABLE dead_letter ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for statement in (*_for_worker(), *_for_admins()):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE dead_letter")


def _for_worker() -> Iterator[str]:
    for command in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        using = "" if command == "INSERT" else " USING (true)"
        check = " WITH CHECK (true)" if command in ("INSERT", "UPDATE") else ""
        yield f"GRANT {command} ON dead_letter TO {WORKER}"
        yield (
            f"CREATE POLICY worker_{command.lower()} ON dead_letter FOR {command} TO {WORKER}{using}{check}"
        )


def _for_admins() -> Iterator[str]:
    yield f"GRANT SELECT ON dead_letter TO {API}"
    yield f"CREATE POLICY members_read ON dead_letter FOR SELECT TO {API} USING ({ADMINISTERS})"
    yield (
        f"CREATE POLICY org_of_token ON dead_letter AS RESTRICTIVE TO {API}"
        f" USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON dead_letter AS RESTRICTIVE TO {API} USING ({CONFINED})"
    yield f"CREATE POLICY people_only ON dead_letter AS RESTRICTIVE TO {API} USING ({PERSON})"
