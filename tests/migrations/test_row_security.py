"""What PostgreSQL's catalogue says of every table: a table added without its policies fails here."""

from urllib.parse import urlsplit

from tests.databases import Database

# design.md, Tenancy: the tables that are no tenant's.
CATALOGUE = {"agent", "agent_tool", "model_price"}
NO_ORG_ID = {"app_user", "organization", "partition_ledger", *CATALOGUE}
NO_ROW_SECURITY = {"alembic_version"}
KEYS_WITHOUT_ORG = {
    "pk_app_user",
    "uq_app_user_email",
    "uq_app_user_auth_provider_auth_provider_id",
    "pk_organization",
    *("pk_agent", "uq_agent_name", "pk_agent_tool", "pk_model_price"),
    "uq_organization_slug",
    "pk_partition_ledger",
    # Kafka's names are the installation's: two tenants never share a topic.
    "uq_topic_binding_topic",
    "alembic_version_pkc",
}

TABLES = "relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
OURS = (
    "augentis_api",
    "augentis_worker",
    "augentis_member_reader",
    "augentis_operator",
    "augentis_registrar",
    "augentis_auditor",
    "augentis_messenger",
    "augentis_gatekeeper",
    "augentis_redactor",
    "augentis_dispatcher",
    "augentis_archivist",
    "augentis_eraser",
    "augentis_assessor",
    "augentis_chronicler",
    "augentis_herald",
    "augentis_postmaster",
)
KEEPER = "augentis_keeper"


async def fetch(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.superuser() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def test_row_security_is_enabled_and_forced_everywhere(database: Database):
    rows = await fetch(
        database, f"SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class WHERE {TABLES}"
    )
    assert len(rows) > 15
    assert {name for name, forced in rows if not forced} == NO_ROW_SECURITY


async def test_every_grant_has_a_policy_for_its_command(database: Database):
    grants = await fetch(
        database,
        f"""SELECT DISTINCT c.relname, g.rolname, p.privilege FROM pg_class c
            CROSS JOIN pg_roles g
            CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
            WHERE {TABLES} AND g.rolname IN {OURS}
              AND CASE p.privilege WHEN 'DELETE' THEN has_table_privilege(g.oid, c.oid, 'DELETE')
                  ELSE has_any_column_privilege(g.oid, c.oid, p.privilege) END""",
    )
    policies = await fetch(
        database, "SELECT tablename, unnest(roles), cmd FROM pg_policies WHERE permissive = 'PERMISSIVE'"
    )
    assert len(grants) > 50
    assert {grant for grant in grants if grant[0] not in NO_ROW_SECURITY} == set(policies)


async def test_no_policy_is_for_everybody_and_none_lacks_a_check(database: Database):
    public = "SELECT tablename, policyname FROM pg_policies WHERE 'public' = ANY (roles)"
    assert await fetch(database, public) == []
    unchecked = """SELECT tablename, policyname FROM pg_policies
                   WHERE permissive = 'PERMISSIVE' AND cmd IN ('INSERT', 'UPDATE') AND with_check IS NULL"""
    assert await fetch(database, unchecked) == []


async def test_what_the_api_may_touch_is_bound_to_the_tokens_organisation(database: Database):
    bound = await fetch(
        database,
        """SELECT tablename FROM pg_policies
           WHERE policyname = 'org_of_token' AND permissive = 'RESTRICTIVE' AND cmd = 'ALL'
             AND roles = '{augentis_api}' AND with_check IS NOT NULL""",
    )
    touched = await fetch(
        database,
        f"""SELECT relname FROM pg_class
            WHERE {TABLES} AND has_any_column_privilege('augentis_api', oid, 'SELECT')""",
    )
    assert set(touched) - set(bound) == {
        *{("app_user",), ("alembic_version",)},
        *((table,) for table in CATALOGUE),
    }


async def test_the_apis_policies_ask_once_a_statement(database: Database):
    """A function called a row costs seconds on a large table: each stands in a sub-select of its own."""
    rows = await fetch(
        database,
        "SELECT policyname, coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies"
        " WHERE 'augentis_api' = ANY (roles)",
    )
    for name, text in rows:
        calls = str(text).count("auth.")
        assert str(text).count("SELECT auth.") == calls, name


async def test_org_id_leads_every_key(database: Database):
    keys = await fetch(
        database,
        f"""SELECT i.relname, a.attname FROM pg_index x
            JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
            WHERE c.{TABLES.replace("relkind", "c.relkind")} AND x.indisunique""",
    )
    assert len(keys) > 20
    assert {name for name, first in keys if first != "org_id"} == KEYS_WITHOUT_ORG


async def test_org_id_leads_every_foreign_key_but_those_to_people(database: Database):
    keys = await fetch(
        database,
        """SELECT k.conname, k.confrelid::regclass::text, a.attname FROM pg_constraint k
           JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
           WHERE k.contype = 'f'""",
    )
    assert len(keys) > 20
    assert {target for _, target, first in keys if first != "org_id"} == {"app_user", "agent"}


async def test_org_id_is_there_and_never_null(database: Database):
    without = await fetch(
        database,
        f"""SELECT relname FROM pg_class c WHERE {TABLES} AND NOT EXISTS (
                SELECT FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND a.attnotnull)""",
    )
    assert {name for (name,) in without} == NO_ORG_ID | NO_ROW_SECURITY


async def test_no_role_of_ours_is_mighty_or_owns_a_table(database: Database):
    logins = [urlsplit(url).username for url in (database.api_url, database.worker_url)]
    mighty = await fetch(
        database,
        f"""SELECT rolname FROM pg_roles WHERE rolname IN {(*OURS, KEEPER, *logins)}
              AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)""",
    )
    assert mighty == []
    owners = await fetch(
        database,
        f"""SELECT DISTINCT pg_get_userbyid(relowner), relkind = 'p' OR relispartition
            FROM pg_class WHERE {TABLES}""",
    )
    assert set(owners) == {(database.owner, False), (KEEPER, True)}


async def test_the_keeper_owns_months_and_sees_none(database: Database):
    seen = await fetch(
        database,
        f"""SELECT tablename FROM pg_policies WHERE '{KEEPER}' = ANY (roles)
            UNION ALL SELECT relname FROM pg_class
            WHERE {TABLES} AND relowner <> '{KEEPER}'::regrole
              AND has_any_column_privilege('{KEEPER}', oid, 'SELECT, INSERT, UPDATE')""",
    )
    assert seen == []
    assert await fetch(database, f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{KEEPER}'") == [(False,)]


async def test_a_partition_is_reached_through_its_parent_alone(database: Database):
    parts = await fetch(database, f"SELECT relname FROM pg_class WHERE {TABLES} AND relispartition")
    assert len(parts) >= 10
    granted = await fetch(
        database,
        f"""SELECT relname, grantee::regrole FROM pg_class, aclexplode(relacl)
            WHERE {TABLES} AND relispartition AND grantee <> relowner""",
    )
    assert granted == []
    with_policy = await fetch(database, "SELECT DISTINCT tablename FROM pg_policies")
    assert not set(with_policy) & set(parts)


async def test_definer_functions_pin_their_search_path_and_belong_to_no_login(database: Database):
    functions = await fetch(
        database,
        """SELECT p.proname, 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig), r.rolcanlogin
           FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
           WHERE p.prosecdef AND p.pronamespace IN ('auth'::regnamespace, 'public'::regnamespace)""",
    )
    assert len(functions) > 15
    assert [name for name, pinned, can_login in functions if not pinned or can_login] == []


async def test_nothing_in_auth_is_for_everybody(database: Database):
    open_ = """SELECT proname FROM pg_proc WHERE pronamespace = 'auth'::regnamespace
               AND has_function_privilege('public', oid, 'EXECUTE')"""
    assert await fetch(database, open_) == []
    readers = """SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname NOT LIKE 'pg\\_%'
                 AND has_table_privilege(oid, 'auth.claims_key', 'SELECT')"""
    # Other processes' owners are members of the definers while they migrate their own databases.
    found = {str(name) for (name,) in await fetch(database, readers)}
    assert {name for name in found if not name.startswith("test_owner_")} == {"augentis_member_reader"}


async def test_no_view_looks_past_the_policies(database: Database):
    """A view runs as its owner: none without a decision here."""
    assert await fetch(database, "SELECT viewname FROM pg_views WHERE schemaname = 'public'") == []
    assert await fetch(database, "SELECT matviewname FROM pg_matviews") == []
