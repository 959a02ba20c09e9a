"""Tenancy: rights per project, keys that read, invitations, sign-in, rules of the entities.

Every policy of the API's role is made anew, from one description of each table. The membership test
stays an uncorrelated sub-select, so that it runs once a statement and the index on org_id is used.
"""

import importlib
from collections.abc import Iterator
from typing import NamedTuple

from alembic import op

from migrations.sql import run_file

revision = "20261123_tenancy"
down_revision = "20261123_partitions"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
READER, OPERATOR, REGISTRAR = "augentis_member_reader", "augentis_operator", "augentis_registrar"

OWNERS = {
    READER: (
        "auth.key_project()",
        "auth.confined_to()",
        "auth.projects_as(boolean)",
        "public.limit_projects()",
        "public.keep_an_admin()",
    ),
    REGISTRAR: (
        "auth.key_login(uuid, bytea)",
        "auth.sign_in()",
        "auth.my_memberships()",
        "auth.my_invitations()",
        "auth.accept_invitation(uuid)",
    ),
    OPERATOR: ("auth.set_tier(text, text)",),
}
NEW_TABLES = ("tag", "project_access", "invitation", "idempotency_key")

MEMBER = "{org} = ANY ((SELECT auth.my_orgs())::uuid[])"
ORG_OF_TOKEN = "{org} = (SELECT auth.org_id())"  # noqa: S105  # a rule, no secret
PERSON = "(SELECT auth.uid()) IS NOT NULL"
CONFINED = "((SELECT auth.confined_to()) IS NULL OR {project} = ANY ((SELECT auth.confined_to())::uuid[]))"
OF_ORGANIZATION = "(SELECT auth.my_role()) IN ('ADMIN', 'MEMBER')"
# A role in the project stands in place of the one in the organisation; an ADMIN is one everywhere.
OF_PROJECT = (
    "CASE (SELECT auth.my_role()) WHEN 'ADMIN' THEN true"
    " WHEN 'MEMBER' THEN {project} <> ALL ((SELECT auth.projects_as(false))::uuid[])"
    " WHEN 'VIEWER' THEN {project} = ANY ((SELECT auth.projects_as(true))::uuid[])"
    " ELSE false END"
)
ADMINISTERS = "(SELECT auth.my_role()) = 'ADMIN'"
# What concerns all of the organisation is not for a token of one workspace.
ADMINISTERS_ALL = f"{ADMINISTERS} AND (SELECT auth.workspace_id()) IS NULL"
IN_WORKSPACE = "((SELECT auth.workspace_id()) IS NULL OR {column} = (SELECT auth.workspace_id()))"
MADE_BY_CALLER = "created_by = (SELECT auth.uid())"
# A version begins as a draft: the steps that follow are the trigger's to watch.
A_DRAFT = "status = 'DRAFT' AND submitted_by IS NULL AND approved_by IS NULL AND deployed_by IS NULL"


class Rights(NamedTuple):
    """What the API's role may do with a table, under which condition; None: never.

    `project` is the column that confines a row to a project, `update` the columns that may change
    ('': all of them).
    """

    project: str | None = None
    people_only: bool = False
    read: str | None = None
    insert: str | None = None
    update_if: str | None = None
    update: str = ""
    delete: str | None = None
    made_by_caller: str | None = None


def _edited(project: str = "project_id") -> str:
    return OF_PROJECT.format(project=project)


RIGHTS = {
    "organization": Rights(update_if=ADMINISTERS_ALL, update="name, timezone"),
    "organization_members": Rights(
        people_only=True, update_if=ADMINISTERS_ALL, update="role_in_org, removed_at"
    ),
    "invitation": Rights(
        people_only=True,
        read=ADMINISTERS_ALL,
        insert=f"{ADMINISTERS_ALL} AND invited_by = (SELECT auth.uid())"
        " AND accepted_at IS NULL AND revoked_at IS NULL",
        update_if=ADMINISTERS_ALL,
        update="revoked_at",
    ),
    "workspace": Rights(
        people_only=True,
        insert=f"{OF_ORGANIZATION} AND {MADE_BY_CALLER}",
        update_if=OF_ORGANIZATION,
        update="name, description",
    ),
    "project": Rights(
        insert=f"{OF_ORGANIZATION} AND {MADE_BY_CALLER}",
        update_if=_edited("id"),
        update="workspace_id, name, description, problem_statement, phase, status, is_archived",
    ),
    "project_access": Rights(
        "project_id",
        people_only=True,
        insert=ADMINISTERS,
        update_if=ADMINISTERS,
        update="role",
        delete=ADMINISTERS,
    ),
    "machine_key": Rights(
        "project_id",
        people_only=True,
        insert=f"{ADMINISTERS} AND {MADE_BY_CALLER} AND revoked_at IS NULL AND last_used_at IS NULL",
        update_if=ADMINISTERS,
        update="name, revoked_at",
    ),
    "artifact": Rights(
        "project_id",
        insert=f"{_edited()} AND {MADE_BY_CALLER} AND {A_DRAFT}",
        update_if=_edited(),
        update="status, content, evidence_tier, submitted_at, approved_at, deployed_at",
    ),
    "tag": Rights("project_id", insert=_edited(), delete=_edited()),
    "artifact_dependency": Rights("project_id", insert=_edited()),
    "assumption": Rights("project_id", insert=_edited(), update_if=_edited(), update="superseded_at"),
    "telemetry": Rights("project_id"),
    "divergence_report": Rights("project_id"),
    "cascade_analysis": Rights("project_id"),
    "detector_state": Rights("project_id"),
    "partial": Rights("project_id"),
    "project_clock": Rights("project_id"),
    "idempotency_key": Rights(
        people_only=True,
        read="actor_id = (SELECT auth.uid())",
        insert="actor_id = (SELECT auth.uid())",
        update_if="actor_id = (SELECT auth.uid())",
        update="status, sealed",
    ),
}


def upgrade() -> None:
    for statement in (*_without_policies(), *_searching("pg_catalog, pg_temp")):
        op.execute(statement)
    run_file("20261123_tenancy_tables.sql")
    run_file("20261123_tenancy_auth.sql")
    run_file("20261123_tenancy_rules.sql")
    for statement in (*_owners(), *_forced(), *_for_api(), *_for_others()):
        op.execute(statement)


def downgrade() -> None:
    for statement in _without_policies():
        op.execute(statement)
    run_file("20261123_tenancy_down.sql")
    op.execute(f"GRANT CREATE ON SCHEMA auth TO {READER}")
    op.execute(f"ALTER FUNCTION auth.workspace_projects() OWNER TO {READER}")
    op.execute(f"REVOKE CREATE ON SCHEMA auth FROM {READER}")
    before = importlib.import_module("migrations.versions.20261123_main_job")
    for statement in before._for_api():  # noqa: SLF001  # it is frozen, and what we go back to
        op.execute(statement)
    for statement in _searching("''"):
        op.execute(statement)


def _searching(path: str) -> Iterator[str]:
    # An empty path looks into pg_temp before pg_catalog: a domain pg_temp.uuid could run its maker's
    # functions with a definer's rights.
    yield f"""DO $$ DECLARE f regprocedure; BEGIN
        FOR f IN SELECT oid FROM pg_proc
                 WHERE pronamespace = 'auth'::regnamespace OR proname = 'assign_artifact_version' LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = {path.replace("'", "''")}', f);
        END LOOP; END $$"""  # noqa: S608  # a constant of ours


def _owners() -> Iterator[str]:
    for role, functions in OWNERS.items():
        yield f"GRANT CREATE ON SCHEMA auth, public TO {role}"
        for function in functions:
            yield f"ALTER FUNCTION {function} OWNER TO {role}"
        yield f"REVOKE CREATE ON SCHEMA auth, public FROM {role}"
    yield "GRANT EXECUTE ON FUNCTION auth.set_tier(text, text) TO CURRENT_USER"
    yield f"GRANT USAGE ON SCHEMA public TO {REGISTRAR}"


def _forced() -> Iterator[str]:
    for table in NEW_TABLES:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"


def _without_policies() -> Iterator[str]:
    yield """DO $$ DECLARE p record; BEGIN
        FOR p IN SELECT tablename, policyname FROM pg_policies
                 WHERE schemaname = 'public' AND roles = '{augentis_api}' LOOP
            EXECUTE format('DROP POLICY %I ON public.%I', p.policyname, p.tablename);
            EXECUTE format('REVOKE ALL ON public.%I FROM augentis_api', p.tablename);
        END LOOP; END $$"""


def _for_api() -> Iterator[str]:
    for table, rights in RIGHTS.items():
        yield from _policies(table, rights)
    yield f"""CREATE POLICY in_workspace ON workspace AS RESTRICTIVE TO {API}
        USING ({IN_WORKSPACE.format(column="id")})"""
    # A new project has no row to be found by yet: its own workspace_id is what counts.
    yield f"""CREATE POLICY in_workspace ON project AS RESTRICTIVE TO {API}
        USING ({IN_WORKSPACE.format(column="workspace_id")})"""
    yield f"""CREATE POLICY of_key ON project AS RESTRICTIVE TO {API}
        USING ((SELECT auth.key_id()) IS NULL OR id = (SELECT auth.key_project()))"""
    yield f"GRANT SELECT, UPDATE (full_name) ON app_user TO {API}"
    yield f"""CREATE POLICY colleagues ON app_user FOR SELECT TO {API}
        USING (id = (SELECT auth.uid()) OR id = ANY ((SELECT auth.org_users())::uuid[]))"""
    yield f"""CREATE POLICY oneself ON app_user FOR UPDATE TO {API}
        USING (id = (SELECT auth.uid())) WITH CHECK (id = (SELECT auth.uid()))"""


def _policies(table: str, rights: Rights) -> Iterator[str]:
    org = "id" if table == "organization" else "org_id"
    member, bound = MEMBER.format(org=org), ORG_OF_TOKEN.format(org=org)
    yield f"GRANT {_readable(table)} ON {table} TO {API}"
    read = f"{member} AND {rights.read}" if rights.read else member
    yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({read})"
    yield (
        f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API} USING ({bound}) WITH CHECK ({bound})"
    )
    if rights.project:
        yield (
            f"CREATE POLICY confined ON {table} AS RESTRICTIVE TO {API}"
            f" USING ({CONFINED.format(project=rights.project)})"
        )
    if rights.people_only:
        yield f"CREATE POLICY people_only ON {table} AS RESTRICTIVE TO {API} USING ({PERSON})"
    if rights.insert:
        yield f"GRANT INSERT ON {table} TO {API}"
        rule = f"{member} AND {rights.insert}"
        yield f"CREATE POLICY may_insert ON {table} FOR INSERT TO {API} WITH CHECK ({rule})"
    if rights.update_if:
        rule = f"{member} AND {rights.update_if}"
        yield f"GRANT UPDATE ({rights.update}) ON {table} TO {API}"
        yield f"CREATE POLICY may_update ON {table} FOR UPDATE TO {API} USING ({rule}) WITH CHECK ({rule})"
    if rights.delete:
        yield f"GRANT DELETE ON {table} TO {API}"
        yield f"CREATE POLICY may_delete ON {table} FOR DELETE TO {API} USING ({member} AND {rights.delete})"


def _readable(table: str) -> str:
    # The hash of a key is for whoever checks keys, and shown to nobody.
    columns = (
        "org_id, id, project_id, name, scopes, created_by, created_at, updated_at, expires_at, revoked_at,"
        " last_used_at, version"
    )
    return f"SELECT ({columns})" if table == "machine_key" else "SELECT"


def _for_others() -> Iterator[str]:
    for table in ("organization", "project_access", "machine_key"):
        yield from _open_to(READER, table, "SELECT")
    for table, commands in {
        "app_user": ("SELECT", "INSERT", "UPDATE"),
        "organization_members": ("SELECT", "INSERT", "UPDATE"),
        "organization": ("SELECT",),
        "invitation": ("SELECT", "UPDATE"),
        "machine_key": ("SELECT", "UPDATE"),
    }.items():
        for command in commands:
            yield from _open_to(REGISTRAR, table, command)
    yield from _open_to(OPERATOR, "organization", "UPDATE")
    yield from _open_to(WORKER, "machine_key", "UPDATE", "(last_used_at)")
    # Answers of yesterday are forgotten; what they were is nothing of the worker's.
    yield f"GRANT SELECT (created_at), DELETE ON idempotency_key TO {WORKER}"
    old = "created_at < now() - interval '1 day'"
    yield f"CREATE POLICY worker_select ON idempotency_key FOR SELECT TO {WORKER} USING ({old})"
    yield f"CREATE POLICY worker_delete ON idempotency_key FOR DELETE TO {WORKER} USING ({old})"


def _open_to(role: str, table: str, command: str, columns: str = "") -> Iterator[str]:
    using = "" if command == "INSERT" else " USING (true)"
    check = " WITH CHECK (true)" if command in ("INSERT", "UPDATE") else ""
    name = f"{role.removeprefix('augentis_')}_{command.lower()}"
    yield f"GRANT {command} {columns} ON {table} TO {role}"
    yield f"CREATE POLICY {name} ON {table} FOR {command} TO {role}{using}{check}"
