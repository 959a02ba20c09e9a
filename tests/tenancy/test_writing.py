"""Who writes what: refused statements beside the same ones allowed."""

from uuid import UUID

import pytest

from storage.tables import Base
from storage.tenancy import Claims
from tests.tenancy.asking import asking, changed
from tests.world import Place, World

REFUSED = -1
INSERTS = {
    "workspace": """INSERT INTO workspace (org_id, id, name, created_by)
                    VALUES (:org, gen_random_uuid(), 'Another team', :user)""",
    "project": """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
                  VALUES (:org, gen_random_uuid(), :workspace, 'Another', 'It takes too long.', :user)""",
    "artifact": """INSERT INTO artifact (org_id, id, project_id, type, key, created_by)
                   VALUES (:org, gen_random_uuid(), :project, 'PRD', 'prd', :user)""",
    "artifact_dependency": """INSERT INTO artifact_dependency (org_id, project_id, artifact_id, depends_on_id)
                              VALUES (:org, :project, :artifact, :code)""",
    "assumption": """INSERT INTO assumption
                     SELECT a.* FROM jsonb_populate_record(NULL::assumption, jsonb_build_object(
                         'org_id', CAST(:org AS uuid), 'id', gen_random_uuid(),
                         'project_id', CAST(:project AS uuid),
                         'artifact_id', CAST(:artifact AS uuid), 'key', 'new', 'statement', '',
                         'metric_name', 'latency_p50', 'cohort', '', 'feature', '', 'operator', '<=',
                         'value', 300, 'unit', 'ms', 'tolerance', 0, 'tolerance_kind', 'absolute',
                         'divergence_type', 'LATENCY_MISS', 'evidence_tier', 'E2',
                         'effective_from', now(), 'min_users', 0, 'owner', '', 'runbook_url', '',
                         'created_at', now())) AS a""",
    "ingest_key": """INSERT INTO ingest_key (org_id, id, project_id, name, secret_sha256)
                     VALUES (:org, gen_random_uuid(), :project, 'mine', 'x')""",
}
UPDATES = {
    "workspace": "UPDATE workspace SET name = 'Renamed' WHERE org_id = :org AND id = :workspace",
    "project": "UPDATE project SET name = 'Renamed' WHERE org_id = :org AND id = :project",
    "artifact": "UPDATE artifact SET status = 'REVIEW' WHERE org_id = :org AND id = :code",
    "assumption": "UPDATE assumption SET superseded_at = now() WHERE org_id = :org AND project_id = :project",
    "ingest_key": "UPDATE ingest_key SET revoked_at = now() WHERE org_id = :org AND project_id = :project",
}
ADMINS_ONLY = {"ingest_key"}


async def write(world: World, statement: str, place: Place, claims: Claims | None) -> int:
    user = claims.user_id if claims else world.ann
    async with asking(world.database, claims) as session:
        return await changed(session, statement, **_named_in(statement, place, user))


def _named_in(statement: str, place: Place, user: UUID) -> dict[str, UUID]:
    known = {
        "org": place.org,
        "workspace": place.workspace,
        "project": place.project,
        "artifact": place.artifact,
        "code": place.code,
        "user": user,
    }
    return {name: value for name, value in known.items() if f":{name}" in statement}


@pytest.mark.parametrize("table", INSERTS)
async def test_editors_insert_into_their_own_organisation(world: World, table: str):
    here = world.places["a1"]
    assert await write(world, INSERTS[table], here, world.claims("ann")) == 1
    members = REFUSED if table in ADMINS_ONLY else 1
    assert await write(world, INSERTS[table], here, world.claims("max")) == members


@pytest.mark.parametrize("table", INSERTS)
async def test_nobody_else_inserts(world: World, table: str):
    here, there = world.places["a1"], world.places["b1"]
    assert await write(world, INSERTS[table], there, world.claims("bob", "b")) == 1
    for why, claims in {
        "looks only": world.claims("vic"),
        "has left": world.claims("fay"),
        "never was there": world.claims("bob", "a"),
        "token of another organisation, though a member": world.claims("sam", "b"),
        "nobody": None,
    }.items():
        assert await write(world, INSERTS[table], here, claims) == REFUSED, why
    for who in ("ann", "sam"):
        assert await write(world, INSERTS[table], there, world.claims(who)) == REFUSED, who


@pytest.mark.parametrize("table", INSERTS)
async def test_a_token_of_a_workspace_inserts_there_alone(world: World, table: str):
    claims = world.claims("ann", workspace="a1")
    inside = REFUSED if table == "workspace" else 1
    assert await write(world, INSERTS[table], world.places["a1"], claims) == inside
    assert await write(world, INSERTS[table], world.places["a2"], claims) == REFUSED


@pytest.mark.parametrize("table", UPDATES)
async def test_editors_update_their_own_and_nobody_elses(world: World, table: str):
    here, there = world.places["a1"], world.places["b1"]
    assert await write(world, UPDATES[table], here, world.claims("ann")) == 1
    assert await write(world, UPDATES[table], here, world.claims("max")) == (0 if table in ADMINS_ONLY else 1)
    assert await write(world, UPDATES[table], there, world.claims("bob", "b")) == 1
    for why, claims in {
        "looks only": world.claims("vic"),
        "has left": world.claims("fay"),
        "never was there": world.claims("bob", "a"),
        "token of another organisation": world.claims("sam", "b"),
        "token of another workspace": world.claims("ann", workspace="a2"),
        "nobody": None,
    }.items():
        assert await write(world, UPDATES[table], here, claims) == 0, why
    assert await write(world, UPDATES[table], there, world.claims("ann")) == 0


@pytest.mark.parametrize("table", ["workspace", "project", "artifact"])
async def test_a_row_cannot_be_moved_to_another_organisation(world: World, table: str):
    async with asking(world.database, world.claims("sam")) as session:
        move = f"UPDATE {table} SET org_id = :b WHERE org_id = :a"
        assert await changed(session, move, a=world.a, b=world.b) == REFUSED


async def test_a_project_cannot_be_moved_out_of_the_tokens_workspace(world: World):
    claims = world.claims("ann", workspace="a1")
    move = "UPDATE project SET workspace_id = :workspace WHERE org_id = :org"
    here, there = world.places["a1"], world.places["a2"]
    assert await write(world, move, here, claims) == 1
    assert await write(world, move, there, claims) == REFUSED


@pytest.mark.parametrize("column", ["value", "evidence_tier", "effective_from", "operator", "artifact_id"])
async def test_assumptions_are_frozen(world: World, column: str):
    statement = f"UPDATE assumption SET {column} = {column} WHERE org_id = :org"
    assert await write(world, statement, world.places["a1"], world.claims("ann")) == REFUSED


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
async def test_the_api_deletes_nothing(world: World, table: str):
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, f"DELETE FROM {table}") == REFUSED


@pytest.mark.parametrize("table", sorted(set(Base.metadata.tables) - set(INSERTS)))
async def test_the_api_inserts_into_no_other_table(world: World, table: str):
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, f"INSERT INTO {table} DEFAULT VALUES") == REFUSED


@pytest.mark.parametrize("table", sorted(set(Base.metadata.tables) - set(UPDATES)))
async def test_the_api_updates_no_other_table(world: World, table: str):
    column = next(iter(Base.metadata.tables[table].columns)).name
    async with asking(world.database, world.claims("ann")) as session:
        assert await changed(session, f"UPDATE {table} SET {column} = {column}") == REFUSED
