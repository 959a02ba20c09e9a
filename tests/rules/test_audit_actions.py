"""The specification's own example of an entry (DataModel.md 13), and what the worker's findings leave."""

from sqlalchemy import text

from storage.secrets import claims_signature
from storage.tenancy import About
from tests.databases import SECRET
from tests.tenancy.asking import asking, rows
from tests.undone import undone
from tests.world import World

SIGN = text(
    "SELECT set_config('request.jwt.claims', :claims, true),"
    " set_config('request.jwt.signature', :signature, true)"
)
WHY = "PRD meets all VCD indicators, approved by Product Lead"
ENTRY = """SELECT actor_id, action, resource_type, resource_id, changes_before ->> 'status',
                  changes_after ->> 'status', rationale
           FROM audit_log WHERE timestamp >= now() ORDER BY timestamp"""


async def test_the_specifications_example(world: World):
    """The example calls the step an UPDATE; its list of actions has APPROVE, which it is."""
    prd = world.places["a1"].code
    async with asking(world.database, world.claims("ann")) as session:
        await session.execute(text("UPDATE artifact SET status = 'REVIEW' WHERE id = :id"), {"id": prd})
        claims = About(WHY).added(world.claims("ann").text(4e9))
        await session.execute(SIGN, {"claims": claims, "signature": claims_signature(SECRET, claims)})
        await session.execute(text("UPDATE artifact SET status = 'APPROVED' WHERE id = :id"), {"id": prd})
        found = await rows(session, ENTRY)
    assert found == [
        (world.ann, "UPDATE", "Artifact", prd, "DRAFT", "REVIEW", None),
        (world.ann, "APPROVE", "Artifact", prd, "REVIEW", "APPROVED", WHY),
    ]


async def test_reports_and_cascades_are_told_as_the_workers_doing(world: World):
    place = world.places["a1"]
    async with undone(world) as connection:
        await connection.execute("SET SESSION AUTHORIZATION " + world.database.logins[2])
        await connection.execute(
            "UPDATE divergence_report SET status = 'RESOLVED' WHERE id = $1", place.report
        )
        await connection.execute(
            "UPDATE cascade_analysis SET reexecution_scope_days = 3 WHERE divergence_id = $1", place.report
        )
        await connection.execute("RESET SESSION AUTHORIZATION")
        told = await connection.fetch(
            """SELECT resource_type, action, actor_kind, actor_name, project_id FROM audit_log
               WHERE timestamp >= now() ORDER BY timestamp"""
        )
    worker = world.database.logins[2]
    assert [tuple(row) for row in told] == [
        ("DivergenceReport", "UPDATE", "role", worker, place.project),
        ("CascadeAnalysis", "UPDATE", "role", worker, place.project),
    ]
