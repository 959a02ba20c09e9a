"""The audit log is chained, and knows from where a change came and why."""

from collections.abc import Iterator
from pathlib import Path

from alembic import op

from migrations import sql
from migrations.sql import run_file

revision = "20261123_chain"
down_revision = "20261123_costs"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
KEEPER, AUDITOR, REDACTOR = "augentis_keeper", "augentis_auditor", "augentis_redactor"

TABLES = ("audit_link", "audit_pending", "audit_chain", "audit_checkpoint", "audit_head")
# Written by the worker, and told like any other change.
AUDITED = {"divergence_report": "DivergenceReport", "cascade_analysis": "CascadeAnalysis"}
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
ADMINISTERS = "org_id = ANY ((SELECT auth.my_orgs())::uuid[]) AND (SELECT auth.my_role()) = 'ADMIN'"
BOUND = "org_id = (SELECT auth.org_id())"
PERSON = "(SELECT auth.uid()) IS NOT NULL"
# A link tells of no project: it is for whoever sees all of the organisation.
CONFINED = "(SELECT auth.confined_to()) IS NULL"

# Who may do what with which table. UPDATE of audit_chain is the right to lock a row of it.
RIGHTS = {
    AUDITOR: {
        "audit_pending": ("SELECT", "INSERT", "DELETE"),
        "audit_link": ("SELECT", "INSERT"),
        "audit_chain": ("SELECT", "INSERT", "UPDATE"),
        "audit_checkpoint": ("SELECT",),
    },
    REDACTOR: {"audit_link": ("SELECT", "DELETE"), "audit_checkpoint": ("SELECT",)},
    WORKER: {
        "audit_link": ("SELECT",),
        "audit_chain": ("SELECT",),
        "audit_checkpoint": ("SELECT", "INSERT"),
        "audit_head": ("SELECT", "INSERT", "UPDATE"),
    },
}
CHECKS = {
    "SELECT": "USING (true)",
    "INSERT": "WITH CHECK (true)",
    "UPDATE": "USING (true) WITH CHECK (true)",
    "DELETE": "USING (true)",
}
ERASED = "ip_address, user_agent, client_salt, personal, personal_salt"
# What the migration of agents has changed in auth.audit() as that of evidence made it.
SINCE_AGENTS = ("last_used_at, revision}", "last_used_at, seen_at, revision}")
TEXTS = (
    "auth.audit_text(public.audit_log), auth.audit_link_text(public.audit_link),"
    " auth.audit_client_text(text, text)"
)
OWNED = {
    "auth.audit_link()": AUDITOR,
    "auth.audit_is_told(date)": AUDITOR,
    "auth.erase_personal(uuid)": REDACTOR,
    "auth.drop_audit_links()": REDACTOR,
}

# What was told so far: a link for each time and organisation, that is for each statement.
_PLACED = """
    UPDATE audit_log AS e SET
        link_id = f.link_id, place = f.place,
        changes_before = CASE WHEN f.salt IS NULL THEN e.changes_before ELSE e.changes_before - f.ours END,
        changes_after = CASE WHEN f.salt IS NULL THEN e.changes_after ELSE e.changes_after - f.ours END,
        personal = f.personal, personal_salt = f.salt,
        personal_digest = sha256(f.salt || convert_to(f.personal::text, 'UTF8'))
    FROM (
        SELECT e.org_id, e.timestamp, e.id, p.ours, l.link_id,
               row_number() OVER (PARTITION BY e.org_id, e.timestamp ORDER BY e.id) - 1 AS place,
               CASE WHEN has THEN uuid_send(gen_random_uuid()) END AS salt,
               CASE WHEN has THEN jsonb_build_object(
                   'before', (SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(e.changes_before) AS k
                              WHERE k.key = ANY (p.ours)),
                   'after', (SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(e.changes_after) AS k
                             WHERE k.key = ANY (p.ours))) END AS personal
        FROM audit_log AS e
        JOIN (SELECT org_id, timestamp, gen_random_uuid() AS link_id FROM audit_log GROUP BY 1, 2) AS l
        USING (org_id, timestamp)
        CROSS JOIN (SELECT '{email,full_name,auth_provider_id}'::text[] AS ours) AS p
        CROSS JOIN LATERAL (SELECT e.resource_type IN ('User', 'Invitation')
            AND coalesce(e.changes_before, e.changes_after) ?| p.ours AS has) AS h
    ) AS f
    WHERE (e.org_id, e.timestamp, e.id) = (f.org_id, f.timestamp, f.id)"""
_LINKED = """DO $$
    DECLARE
        pending audit_pending;
        last audit_link;
    BEGIN
        FOR pending IN
            SELECT e.org_id, 0, 0, e.link_id, e.timestamp,
                   string_agg(sha256(convert_to(auth.audit_text(e), 'UTF8')), ''::bytea ORDER BY e.place)
            FROM audit_log AS e GROUP BY e.org_id, e.link_id, e.timestamp ORDER BY e.org_id, e.timestamp
        LOOP
            IF last.org_id IS DISTINCT FROM pending.org_id THEN
                last := NULL;
                INSERT INTO audit_chain (org_id) VALUES (pending.org_id);
            END IF;
            last := auth.audit_next(last, pending);
            INSERT INTO audit_link SELECT last.*;
        END LOOP;
    END $$"""
_MERGED = """UPDATE audit_log SET
    changes_before = changes_before || coalesce(nullif(personal -> 'before', 'null'), '{}'),
    changes_after = changes_after || coalesce(nullif(personal -> 'after', 'null'), '{}'),
    place = NULL, client_salt = NULL, client_digest = NULL"""


def upgrade() -> None:
    run_file("20261123_chain.sql")
    _as_keeper(_PLACED, _LINKED)
    op.execute("ALTER TABLE audit_log ALTER COLUMN link_id SET NOT NULL, ALTER COLUMN place SET NOT NULL")
    run_file("20261123_chain_audit.sql")
    for statement in (*_rights(), *_for_admins(), *_for_the_redactor(), *_functions(), *_triggers()):
        op.execute(statement)


def downgrade() -> None:
    for table in AUDITED:
        for verb in ROWS:
            op.execute(f"DROP TRIGGER audit_{verb.lower()} ON {table}")
    op.execute("SET LOCAL row_security = on")
    audit = _as_it_was("20261123_evidence.sql", "CREATE OR REPLACE FUNCTION auth.audit()")
    op.execute(audit.replace(*SINCE_AGENTS))
    op.execute(_as_it_was("20261123_partitions_functions.sql", "CREATE FUNCTION public.drop_partitions("))
    op.execute("SET LOCAL row_security = off")
    op.execute("ALTER TABLE audit_log ALTER COLUMN place DROP NOT NULL")
    _as_keeper(_MERGED)
    for statement in (*_functions_gone(), *_tables_gone()):
        op.execute(statement)


def _as_it_was(file: str, head: str) -> str:
    """Return the statement that makes a function again what an earlier file has made."""
    text = (Path(sql.__file__).parent / file).read_text()
    _, made, rest = text.partition(head)
    replaced = made if "OR REPLACE" in made else made.replace("CREATE", "CREATE OR REPLACE", 1)
    return replaced + rest[: rest.index("\n$$;") + 3]


def _as_keeper(*statements: str) -> None:
    """Run statements on the log as the one whose it is, who sees no row of it but now."""
    for table in ("audit_log", *_PLAIN):
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {KEEPER}" if table in _PLAIN else _forced(on=False))
    op.execute(f"GRANT USAGE ON SCHEMA auth TO {KEEPER}")
    op.execute(f"GRANT EXECUTE ON FUNCTION {TEXTS}, {_NEXT} TO {KEEPER}")
    op.execute(f"SET LOCAL ROLE {KEEPER}")
    for statement in statements:
        op.execute(statement)
    op.execute("RESET ROLE")
    op.execute(f"REVOKE EXECUTE ON FUNCTION {TEXTS}, {_NEXT} FROM {KEEPER}")
    op.execute(f"REVOKE USAGE ON SCHEMA auth FROM {KEEPER}")
    for table in _PLAIN:
        op.execute(f"REVOKE SELECT, INSERT ON {table} FROM {KEEPER}")
    op.execute(_forced(on=True))


_PLAIN = ("audit_link", "audit_chain")
_NEXT = "auth.audit_next(public.audit_link, public.audit_pending)"


def _forced(*, on: bool) -> str:
    return f"ALTER TABLE audit_log {'' if on else 'NO '}FORCE ROW LEVEL SECURITY"


def _rights() -> Iterator[str]:
    for table in TABLES:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    for role, tables in RIGHTS.items():
        who = role.removeprefix("augentis_")
        for table, verbs in tables.items():
            yield f"GRANT {', '.join(verbs)} ON {table} TO {role}"
            for verb in verbs:
                yield f"CREATE POLICY {who}_{verb.lower()} ON {table} FOR {verb} TO {role} {CHECKS[verb]}"


def _for_admins() -> Iterator[str]:
    for table in ("audit_link", "audit_checkpoint"):
        yield f"GRANT SELECT ON {table} TO {API}"
        yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({ADMINISTERS})"
        yield (
            f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API}"
            f" USING ({BOUND}) WITH CHECK ({BOUND})"
        )
        yield f"CREATE POLICY confined ON {table} AS RESTRICTIVE TO {API} USING ({CONFINED})"
        yield f"CREATE POLICY people_only ON {table} AS RESTRICTIVE TO {API} USING ({PERSON})"
    yield f"GRANT EXECUTE ON FUNCTION {TEXTS} TO {API}"


def _for_the_redactor() -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA auth, public TO {REDACTOR}"
    yield f"GRANT SELECT, UPDATE ({ERASED}) ON audit_log TO {REDACTOR}"
    yield f"CREATE POLICY redactor_select ON audit_log FOR SELECT TO {REDACTOR} USING (true)"
    yield f"CREATE POLICY redactor_update ON audit_log FOR UPDATE TO {REDACTOR} {CHECKS['UPDATE']}"
    yield f"GRANT SELECT (id, email) ON app_user TO {REDACTOR}"
    yield f"CREATE POLICY redactor_select ON app_user FOR SELECT TO {REDACTOR} USING (true)"


def _functions() -> Iterator[str]:
    yield f"GRANT EXECUTE ON FUNCTION {TEXTS}, {_NEXT} TO {AUDITOR}"
    yield f"GRANT CREATE ON SCHEMA auth TO {AUDITOR}, {REDACTOR}"
    for function, owner in OWNED.items():
        yield f"ALTER FUNCTION {function} OWNER TO {owner}"
    yield f"REVOKE CREATE ON SCHEMA auth FROM {AUDITOR}, {REDACTOR}"
    yield f"GRANT USAGE ON SCHEMA auth TO {KEEPER}, {WORKER}"
    yield f"GRANT EXECUTE ON FUNCTION auth.audit_is_told(date) TO {KEEPER}"
    yield f"GRANT EXECUTE ON FUNCTION auth.drop_audit_links() TO {WORKER}"


def _triggers() -> Iterator[str]:
    for table, resource in AUDITED.items():
        for verb, rows in ROWS.items():
            yield (
                f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON {table} REFERENCING {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION auth.audit('{resource}', 'id')"
            )


def _functions_gone() -> Iterator[str]:
    for function in OWNED:
        yield f"DROP FUNCTION {function}" + (" CASCADE" if function == "auth.audit_link()" else "")
    for function in (_NEXT, *TEXTS.split(", auth")):
        yield f"DROP FUNCTION {function if function.startswith('auth') else 'auth' + function}"
    yield f"REVOKE USAGE ON SCHEMA auth FROM {KEEPER}, {WORKER}"


def _tables_gone() -> Iterator[str]:
    for table in TABLES:
        yield f"DROP TABLE {table}"
    yield "DROP POLICY redactor_select ON audit_log"
    yield "DROP POLICY redactor_update ON audit_log"
    yield "DROP POLICY redactor_select ON app_user"
    yield f"REVOKE ALL ON audit_log, app_user FROM {REDACTOR}"
    yield f"REVOKE ALL (id, email) ON app_user FROM {REDACTOR}"
    yield f"REVOKE UPDATE ({ERASED}) ON audit_log FROM {REDACTOR}"
    yield f"REVOKE USAGE ON SCHEMA auth, public FROM {REDACTOR}"
    yield (
        "ALTER TABLE audit_log DROP COLUMN link_id, DROP COLUMN personal, DROP COLUMN personal_salt,"
        " DROP COLUMN personal_digest"
    )
    for now, before in (("place", "sequence"), ("client_salt", "prev_hash"), ("client_digest", "hash")):
        yield f"ALTER TABLE audit_log RENAME COLUMN {now} TO {before}"
