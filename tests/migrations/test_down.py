"""A step down leads back to what was there before the step up: tables, rules, policies, grants, functions."""

import itertools
from pathlib import Path

from alembic.script import ScriptDirectory

from migrations.alembic_config import alembic_config
from migrations.run import downgrade, migrate_database
from tests.databases import Database

OURS = "IN ('public'::regnamespace, 'auth'::regnamespace)"
CATALOGUE = f"""
    SELECT 'column ' || c.relname || '.' || a.attname,
           concat_ws('|', format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relnamespace {OURS} AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    UNION ALL SELECT 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
      FROM pg_constraint
     WHERE connamespace {OURS} AND contype NOT IN ('n', 't') AND NOT EXISTS (
         SELECT FROM pg_class c WHERE c.oid = conrelid AND c.relispartition)
    UNION ALL SELECT 'index ' || c.relname, pg_get_indexdef(c.oid)
      FROM pg_class c WHERE c.relnamespace {OURS} AND c.relkind IN ('i', 'I') AND NOT c.relispartition
       AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
                        WHERE x.indexrelid = c.oid AND t.relispartition)
    UNION ALL SELECT 'policy ' || tablename || '.' || policyname,
           concat_ws('|', permissive, roles, cmd, qual, with_check)
      FROM pg_policies
    UNION ALL SELECT 'table ' || c.relname, concat_ws('|', r.rolname, c.relrowsecurity, c.relforcerowsecurity)
      FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
     WHERE c.relnamespace {OURS} AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    UNION ALL SELECT DISTINCT
           'grant ' || concat_ws(' ', g.table_name, g.column_name, g.grantee, g.privilege_type), ''
      FROM information_schema.column_privileges g JOIN pg_class c ON c.relname = g.table_name
     WHERE g.grantee LIKE 'augentis%' AND g.table_schema IN ('public', 'auth') AND NOT c.relispartition
    UNION ALL SELECT 'delete ' || concat_ws(' ', table_name, grantee), ''
      FROM information_schema.table_privileges
     WHERE grantee LIKE 'augentis%' AND privilege_type = 'DELETE'
    UNION ALL SELECT 'function ' || p.oid::regprocedure,
           concat_ws('|', r.rolname, p.prosrc, p.prosecdef, p.proconfig,
                     (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(p.proacl) AS a))
      FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.pronamespace {OURS}
    UNION ALL SELECT 'trigger ' || tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid)
      FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0"""


async def catalogue(database: Database) -> dict[str, str]:
    async with database.superuser() as connection:
        return {row[0]: row[1] for row in await connection.fetch(CATALOGUE)}


async def test_every_step_down_leads_back(empty_database: Database, home: Path):
    script = ScriptDirectory.from_config(alembic_config())
    steps = [step.revision for step in script.walk_revisions()][::-1]
    settings = empty_database.settings(home)
    await migrate_database(settings, steps[0])
    for below, above in itertools.pairwise(steps):
        before = await catalogue(empty_database)
        assert len(before) > 300
        await migrate_database(settings, above)
        assert await catalogue(empty_database) != before
        await downgrade(empty_database.owner_url, below)
        after = await catalogue(empty_database)
        assert {name: after.get(name) for name in before} == before, above
        assert set(after) - set(before) == set(), above
        await migrate_database(settings, above)
