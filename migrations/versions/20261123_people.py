"""What takes one organisation out whole, deletes it, or makes one person nobody (ADR 0022).

Policies are per table and found in the catalogue, so that no table before this one can be forgotten; one that
comes later is refused by `tests/tenancy/test_operator.py` until it has its own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from alembic import op
from sqlalchemy import text

from migrations.sql import run_file

revision = "20261123_people"
down_revision = "20261123_chain"
branch_labels = None
depends_on = None

API, WORKER, READER, OPERATOR = (
    "augentis_api",
    "augentis_worker",
    "augentis_member_reader",
    "augentis_operator",
)
REGISTRAR = "augentis_registrar"
ARCHIVIST, ERASER = "augentis_archivist", "augentis_eraser"

OPERATED = "(SELECT auth.operated_org())"
CLOSED = "(SELECT auth.closed_org())"
ERASED = "(SELECT auth.erased_user())"
ADDRESS = f"(SELECT lower(u.email) FROM app_user AS u WHERE u.id = {ERASED})"  # noqa: S608  # a rule
MEMBERS = f"SELECT m.user_id FROM organization_members AS m WHERE m.org_id = {OPERATED}"  # noqa: S608  # a rule
PSEUDONYM = "email LIKE 'erased-%@invalid.invalid'"

# Of these the key alone is read, to delete by: sealed answers and letters, and what is only for resends.
KEPT_BACK = {"idempotency_key", "outbox", "batch_seen", "audit_pending"}
TOMBSTONE = "organization_tombstone"
SECRETS = {"machine_key": {"secret_sha256"}}
NOT_FORGETTING = f"WHEN ((CURRENT_USER <> '{ERASER}'::name)) "
PERSON = "id, email, full_name, auth_provider, created_at, updated_at, last_login_at, erased_at, version"

OWNERS = {
    ARCHIVIST: (
        "auth.operated_org()",
        "auth.closed_org()",
        "auth.export_rows(text, refcursor)",
        "auth.count_rows(text)",
        "auth.close_organization()",
        "auth.delete_rows(text, bigint, jsonb)",
        "auth.bury_organization()",
        "auth.note_last_words()",
        "auth.finish_burial()",
    ),
    OPERATOR: ("auth.find_organization(text)", "auth.find_user(text)"),
    READER: ("auth.lonely_members()",),
    REGISTRAR: ("public.keep_erased_out()",),
    ERASER: ("auth.erase_user()", "public.forget_executions(timestamptz, integer)"),
}
FOR_THE_OWNER = (
    *OWNERS[ARCHIVIST][2:],
    *OWNERS[OPERATOR],
    *OWNERS[READER],
    "auth.erase_user()",
)
NEW_FUNCTIONS = (
    *(each for owned in OWNERS.values() for each in owned),
    "auth.erased_user()",
)


class Table(NamedTuple):
    """A table of tenants: its name, its columns, and those of its key."""

    name: str
    columns: list[str]
    key: list[str]


def upgrade() -> None:
    run_file("20261123_people.sql")
    _run(_forced())
    for table in _tables():
        _run(_for_the_archivist(table))
    _run(_closing())
    _run(_of_people())
    _run(_for_the_eraser())
    _run(_for_forgetting())
    _run(_for_the_worker())
    _run(_owners())


def downgrade() -> None:
    _run(_without_policies())
    _run(_when(NOT_FORGETTING, ""))
    op.execute(f"DROP TABLE {TOMBSTONE}")
    for function in NEW_FUNCTIONS:
        op.execute(f"DROP FUNCTION {function} CASCADE")
    run_file("20261123_people_down.sql")
    op.execute(f"REVOKE ALL ON FUNCTION auth.erase_personal(uuid) FROM {ERASER}")
    for role in (ARCHIVIST, ERASER):
        op.execute(f"REVOKE ALL ON FUNCTION auth.claims() FROM {role}")
        op.execute(f"REVOKE ALL ON SCHEMA auth, public FROM {role}")


def _run(statements: Iterator[str]) -> None:
    for statement in statements:
        op.execute(statement)


def _tables() -> list[Table]:
    rows = op.get_bind().execute(
        text("""
            SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum),
                   array_agg(a.attname::text ORDER BY a.attnum)
                       FILTER (WHERE a.attnum = ANY (i.indkey::int2[]))
            FROM pg_class AS c JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            GROUP BY c.relname HAVING bool_or(a.attname = 'org_id') ORDER BY c.relname""")
    )
    return [Table(*row) for row in rows]


def _open_to(
    role: str, table: str, command: str, rule: str, columns: str = "", check: str = ""
) -> Iterator[str]:
    """Grant a command on a table, for the rows that the rule says."""
    kind = command.split(maxsplit=1)[0]
    using = "" if kind == "INSERT" else f" USING ({rule})"
    checked = f" WITH CHECK ({check or rule})" if kind in ("INSERT", "UPDATE") else ""
    name = f"{role.removeprefix('augentis_')}_{kind.lower()}"
    yield f"GRANT {kind} {columns} ON {table} TO {role}"
    yield f"CREATE POLICY {name} ON {table} FOR {kind} TO {role}{using}{checked}"


def _for_the_archivist(table: Table) -> Iterator[str]:
    operated, closed = f"org_id = {OPERATED}", f"org_id = {CLOSED}"
    if table.name == TOMBSTONE:
        yield from _open_to(ARCHIVIST, TOMBSTONE, "SELECT", operated)
        yield from _open_to(ARCHIVIST, TOMBSTONE, "INSERT", closed)
        yield from _open_to(
            ARCHIVIST, TOMBSTONE, "UPDATE", operated, "(audit_sequence, audit_hash, finished_at)"
        )
        return
    shown = table.key if table.name in KEPT_BACK else table.columns
    columns = ", ".join(column for column in shown if column not in SECRETS.get(table.name, ()))
    yield from _open_to(ARCHIVIST, table.name, "SELECT", operated, f"({columns})")
    yield from _open_to(ARCHIVIST, table.name, "DELETE", closed)


def _forced() -> Iterator[str]:
    yield f"ALTER TABLE {TOMBSTONE} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield from _open_to(OPERATOR, TOMBSTONE, "SELECT", "true")


def _closing() -> Iterator[str]:
    """What ends when an organisation is closed, and the organisation itself."""
    itself = f"id = {OPERATED}"
    yield from _open_to(ARCHIVIST, "organization", "SELECT", itself)
    yield from _open_to(ARCHIVIST, "organization", "UPDATE", itself, "(closed_at)")
    yield from _open_to(ARCHIVIST, "organization", "DELETE", f"id = {CLOSED}")
    ends = {"organization_members": "removed_at", "invitation": "revoked_at", "machine_key": "revoked_at"}
    for table, column in ends.items():
        yield from _open_to(ARCHIVIST, table, "UPDATE", f"org_id = {OPERATED}", f"({column})")


def _of_people() -> Iterator[str]:
    """Who is of the organisation leaves with it; who is nobody is found by nobody who signs in."""
    yield from _open_to(ARCHIVIST, "app_user", "SELECT", f"id IN ({MEMBERS})", f"({PERSON})")
    yield (
        f"CREATE POLICY not_erased ON app_user AS RESTRICTIVE TO {REGISTRAR}, {OPERATOR}"
        " USING (erased_at IS NULL)"
    )


def _for_the_eraser() -> Iterator[str]:
    """What is changed of one person, and what of theirs is deleted."""
    themselves, theirs = f"id = {ERASED}", f"user_id = {ERASED}"
    yield from _open_to(ERASER, "app_user", "SELECT", themselves)
    changed = "(email, full_name, auth_provider_id, last_login_at, erased_at)"
    yield from _open_to(ERASER, "app_user", "UPDATE", themselves, changed)
    yield from _open_to(ERASER, "organization_members", "SELECT", theirs)
    yield from _open_to(ERASER, "organization_members", "UPDATE", theirs, "(removed_at)")
    invited = f"lower(email) = {ADDRESS}"
    yield from _open_to(ERASER, "invitation", "SELECT", f"{invited} OR {PSEUDONYM}")
    yield from _open_to(ERASER, "invitation", "UPDATE", invited, "(email, revoked_at)", PSEUDONYM)
    for table, column in {"project_access": "user_id", "idempotency_key": "actor_id"}.items():
        yield from _open_to(ERASER, table, "SELECT", f"{column} = {ERASED}", f"({column})")
        yield from _open_to(ERASER, table, "DELETE", f"{column} = {ERASED}")


def _for_forgetting() -> Iterator[str]:
    """What ended long ago forgets its words: that is no step of it, and the log does not tell them again."""
    old = "completed_at < now() - interval '30 days'"
    yield from _open_to(ERASER, "agent_execution", "SELECT", old)
    forgotten = "error_message = 'forgotten'"
    yield from _open_to(ERASER, "agent_execution", "UPDATE", old, "(error_message)", forgotten)
    yield from _when("", NOT_FORGETTING)


def _when(before: str, after: str) -> Iterator[str]:
    """Make triggers of executions anew, with another condition."""
    old, new = _quoted(f"{before}EXECUTE FUNCTION"), _quoted(f"{after}EXECUTE FUNCTION")
    yield f"""DO $$ DECLARE t record; BEGIN
        FOR t IN SELECT tgname, pg_get_triggerdef(oid) AS made FROM pg_trigger
                 WHERE tgrelid = 'public.agent_execution'::regclass
                   AND tgname IN ('guard_execution', 'audit_update') LOOP
            EXECUTE format('DROP TRIGGER %I ON public.agent_execution', t.tgname);
            EXECUTE replace(t.made, {old}, {new});
        END LOOP; END $$"""  # noqa: S608  # constants of ours


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"


def _for_the_worker() -> Iterator[str]:
    """Invitations that have ended are forgotten: not before 30 days, whatever a setting says."""
    old = "coalesce(accepted_at, revoked_at, expires_at) < now() - interval '30 days'"
    yield from _open_to(WORKER, "invitation", "SELECT", old, "(accepted_at, revoked_at, expires_at)")
    yield from _open_to(WORKER, "invitation", "DELETE", old)


def _owners() -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA auth, public TO {ARCHIVIST}, {ERASER}"
    yield f"REVOKE ALL ON FUNCTION {', '.join(NEW_FUNCTIONS)} FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION auth.claims() TO {ARCHIVIST}, {ERASER}"
    yield f"GRANT EXECUTE ON FUNCTION auth.erased_user(), auth.erase_personal(uuid) TO {ERASER}"
    for role, functions in OWNERS.items():
        yield f"GRANT CREATE ON SCHEMA auth, public TO {role}"
        for function in functions:
            yield f"ALTER FUNCTION {function} OWNER TO {role}"
        yield f"REVOKE CREATE ON SCHEMA auth, public FROM {role}"
    yield f"GRANT EXECUTE ON FUNCTION {', '.join(FOR_THE_OWNER)} TO CURRENT_USER"
    yield f"GRANT EXECUTE ON FUNCTION auth.closed_org() TO {READER}"
    yield f"GRANT EXECUTE ON FUNCTION auth.erase_user() TO {API}"
    yield f"GRANT EXECUTE ON FUNCTION public.forget_executions(timestamptz, integer) TO {WORKER}"


def _without_policies() -> Iterator[str]:
    """Take back all that the two roles may, on whatever tables there are."""
    yield f"""DO $$ DECLARE p record; BEGIN
        FOR p IN SELECT DISTINCT tablename, policyname, roles FROM pg_policies
                 WHERE schemaname = 'public' AND roles && '{{{ARCHIVIST},{ERASER}}}' LOOP
            EXECUTE format('DROP POLICY %I ON public.%I', p.policyname, p.tablename);
            EXECUTE format('REVOKE ALL ON public.%I FROM {ARCHIVIST}, {ERASER}', p.tablename);
        END LOOP; END $$"""  # noqa: S608  # names of ours
    yield "DROP POLICY not_erased ON app_user"
    yield "DROP POLICY worker_select ON invitation"
    yield "DROP POLICY worker_delete ON invitation"
    yield f"REVOKE ALL ON invitation FROM {WORKER}"
