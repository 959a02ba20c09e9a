import asyncio
import re
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.schema import SchemaItem

from migrations.alembic_config import alembic_config
from migrations.run import downgrade, heads, migrate_database, pending, signs_with, upgrade
from settings import SettingsError
from storage.database import engine
from storage.errors import DatabaseUnreachableError
from storage.tables import Base
from tests.databases import SECRET, Database

TABLES = """SELECT relname FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            ORDER BY relname"""


async def tables(database: Database) -> set[str]:
    async with database.superuser() as connection:
        return {row[0] for row in await connection.fetch(TABLES)}


def test_one_line_of_migrations_ends_in_one_head():
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1
    assert len(heads()) == 1


async def test_up_from_nothing_down_and_up_again(empty_database: Database, home: Path):
    settings = empty_database.settings(home)
    script = ScriptDirectory.from_config(alembic_config())
    every = [step.revision for step in script.walk_revisions()][::-1]
    assert await pending(empty_database.owner_url) == every
    await migrate_database(settings)
    full = await tables(empty_database)
    assert full == {*Base.metadata.tables, "alembic_version"}
    assert await pending(empty_database.owner_url) == []

    await downgrade(empty_database.owner_url)
    assert await tables(empty_database) == {"alembic_version"}
    assert await pending(empty_database.owner_url) == every

    await migrate_database(settings)
    assert await tables(empty_database) == full


async def test_migrating_twice_and_at_once_changes_nothing(empty_database: Database, home: Path):
    settings = empty_database.settings(home)
    await asyncio.gather(migrate_database(settings), migrate_database(settings))
    await migrate_database(settings)
    assert await pending(empty_database.owner_url) == []


async def test_the_tables_are_those_of_the_models(database: Database):
    found: list[object] = []

    def compare(connection: Connection) -> None:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _is_no_partition}
        )
        found.extend(compare_metadata(context, Base.metadata))

    owner = engine(database.owner_url, poolclass=NullPool)
    async with owner.connect() as connection:
        await connection.run_sync(compare)
    assert found == []


def _is_no_partition(item: SchemaItem, name: str | None, kind: str, *others: object) -> bool:
    del item, others
    return kind != "table" or re.search(r"_\d{4}_\d\d(_\d\d)?$", str(name)) is None


CATALOGUE = {
    "columns": """SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod) || ' ' ||
                         a.attnotnull::text || ' ' || a.attidentity::text || a.attgenerated::text || ' ' ||
                         coalesce(pg_get_expr(d.adbin, d.adrelid), '')
                  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
                  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
                  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                    AND NOT c.relispartition AND NOT a.attisdropped AND c.relname <> 'alembic_version'""",
    "constraints": """SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(k.oid)
                      FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
                      WHERE connamespace = 'public'::regnamespace AND NOT c.relispartition
                        AND conrelid::regclass::text <> 'alembic_version' AND contype NOT IN ('t', 'n')""",
    "indexes": """SELECT i.relname, pg_get_indexdef(i.oid) FROM pg_index x
                  JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
                  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
                    AND c.relname <> 'alembic_version'""",
    "months": """SELECT relname, pg_get_partkeydef(oid) FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND relkind = 'p'""",
}

CALLED_BY_TABLES = """
    SELECT DISTINCT pg_get_functiondef(p.oid) FROM pg_proc AS p
    JOIN pg_depend AS d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
    WHERE p.pronamespace = 'public'::regnamespace
      AND d.classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass)"""


@pytest.mark.parametrize("kind", CATALOGUE)
async def test_the_catalogue_is_what_the_models_would_make(
    kind: str, database: Database, empty_database: Database
):
    """alembic compares neither CHECKs nor defaults nor what an index covers: PostgreSQL's own words do."""
    async with database.superuser() as migrated, empty_database.superuser() as empty:
        for (definition,) in await migrated.fetch(CALLED_BY_TABLES):
            await empty.execute(definition)
    owner = engine(empty_database.owner_url, poolclass=NullPool)
    async with owner.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    assert await catalogue(database, kind) == await catalogue(empty_database, kind)


async def catalogue(database: Database, kind: str) -> dict[str, str]:
    async with database.superuser() as connection:
        return {row[0]: row[1] for row in await connection.fetch(CATALOGUE[kind])}


async def test_the_claims_key_follows_the_secret(database: Database, home: Path):
    assert await signs_with(database.owner_url, SECRET)
    other = SECRET + "!"
    assert not await signs_with(database.owner_url, other)
    await migrate_database(database.settings(home).model_copy(update={"secret_key": SecretStr(other)}))
    assert await signs_with(database.owner_url, other)


async def test_a_mighty_login_is_refused(database: Database, home: Path):
    login = database.api
    async with database.superuser() as connection:
        await connection.execute(f"ALTER ROLE {login} BYPASSRLS")
        try:
            with pytest.raises(SettingsError, match=r"DATABASE_URL_API: the role .* bypasses row security"):
                await migrate_database(database.settings(home))
        finally:
            await connection.execute(f"ALTER ROLE {login} NOBYPASSRLS")


async def test_the_owners_login_is_no_login_for_the_api(database: Database, home: Path):
    settings = database.settings(home)
    with pytest.raises(SettingsError, match="must be a role of its own"):
        await migrate_database(settings.model_copy(update={"database_url_api": settings.database_url}))


async def test_a_database_that_gives_everybody_temporary_objects_is_refused(database: Database, home: Path):
    async with database.superuser() as connection:
        await connection.execute(f"GRANT TEMPORARY ON DATABASE {database.name} TO PUBLIC")
        await migrate_database(database.settings(home))
        kept = "SELECT has_database_privilege('augentis_api', $1, 'TEMPORARY')"
        assert not await connection.fetchval(kept, database.name), "its owner takes them back"
        await connection.execute(f"GRANT TEMPORARY ON DATABASE {database.name} TO PUBLIC")
        await connection.execute(f"ALTER DATABASE {database.name} OWNER TO CURRENT_USER")
        with pytest.raises(SettingsError, match=r"REVOKE TEMPORARY ON DATABASE .* FROM PUBLIC"):
            await migrate_database(database.settings(home))


async def test_the_owner_is_member_of_no_definer_when_it_has_migrated(database: Database):
    async with database.superuser() as connection:
        memberships = await connection.fetch(
            """SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
               JOIN pg_roles o ON o.oid = m.member
               WHERE o.rolname = $1 AND pg_has_role(o.rolname, r.rolname, 'USAGE')""",
            database.owner,
        )
    assert memberships == []


@pytest.mark.parametrize(
    "url",
    ["postgresql://a:wrong@127.0.0.1:1/x", "postgresql://nobody:wrong@{host}/postgres"],
    ids=["away", "refused"],
)
async def test_a_database_that_does_not_answer_is_named_without_its_password(database: Database, url: str):
    host = database.superuser_url.rpartition("@")[2].partition("/")[0]
    with pytest.raises(DatabaseUnreachableError, match=r"PostgreSQL at 127\.0\.0\.1") as caught:
        await upgrade(url.format(host=host))
    assert "wrong" not in str(caught.value)


async def test_sslmode_and_other_words_of_libpq_work(database: Database):
    assert await pending(database.owner_url + "?sslmode=disable&application_name=x") == []


async def test_a_failing_migration_leaves_no_half(empty_database: Database, home: Path):
    async with empty_database.superuser() as connection:
        await connection.execute("CREATE TABLE public.outbox ()")
    with pytest.raises(asyncpg.DuplicateTableError, match="outbox"):
        await migrate_database(empty_database.settings(home))
    assert await tables(empty_database) - {"alembic_version"} == {"outbox"}
