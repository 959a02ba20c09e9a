"""The latest versions are found by one look at an index, however many there are."""

from uuid import UUID

from sqlalchemy import text

from storage.database import engine
from storage.reading import artifacts
from storage.tenancy import Claims, TenantSessions
from tests.databases import SECRET
from tests.world import World


async def plan(world: World, claims: Claims, project: UUID, wanted: artifacts.Wanted) -> str:
    """Return how PostgreSQL would go about it for this person, policies and all."""
    query = artifacts.of_project(claims.org_id, project, wanted)
    sessions = TenantSessions(engine(world.database.api_url), SECRET)
    sql = str(query.compile(sessions.engine.sync_engine, compile_kwargs={"literal_binds": True}))
    try:
        async with sessions.open(claims, read_only=True) as session:
            explain = "EXPLAIN (ANALYZE, TIMING OFF) " + sql.replace(":", "\\:")
            return "\n".join(row[0] for row in await session.execute(text(explain)))
    finally:
        await sessions.engine.dispose()


async def test_latest_looks_at_all_versions_once(changing_world: World):
    place = changing_world.places["a2"]
    async with changing_world.database.superuser() as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            """INSERT INTO artifact (org_id, id, project_id, type, key, version, created_by)
               SELECT $1, gen_random_uuid(), $2, t, 'many' || k, v, $3
               FROM unnest(ARRAY['PRD', 'GTM', 'PRICING', 'PERSONA']) t, generate_series(1, 20) k,
                    generate_series(1, 50) v""",
            place.org,
            place.project,
            changing_world.ann,
        )
        await connection.execute(
            """INSERT INTO artifact (org_id, id, project_id, type, key, version, created_by)
               SELECT md5(n::text)::uuid, gen_random_uuid(), md5(n::text)::uuid, 'PRD', '', 1, $1
               FROM generate_series(1, 20000) n""",
            changing_world.ann,
        )
        await connection.execute("ANALYZE artifact")
    for wanted in (artifacts.Wanted(latest=True), artifacts.Wanted(type="PRD", latest=True)):
        found = await plan(changing_world, changing_world.claims("vic"), place.project, wanted)
        [unique] = [line for line in found.splitlines() if "Unique" in line]
        assert "loops=1)" in unique, found
        assert "Seq Scan" not in found, found
