"""Dead letters are their organisation's ADMINs' to read, and the operator's are nobody's of ours."""

from uuid import uuid4

from storage.outbox import OPERATOR
from storage.tables.letters import REASONS
from storage.tenancy import AnyClaims, KeyClaims
from streams.wire import Reason
from tests.tenancy.asking import asking, rows
from tests.world import World


def test_the_tables_reasons_are_the_closed_list():
    assert tuple(Reason) == REASONS


async def seen(world: World, claims: AnyClaims | None) -> list[object]:
    async with asking(world.database, claims) as session:
        return [row[0] for row in await rows(session, "SELECT project_id FROM dead_letter")]


async def test_admins_read_the_letters_of_their_organisation_and_others_none(world: World):
    a1, a2, b1 = (world.places[name].project for name in ("a1", "a2", "b1"))
    assert set(await seen(world, world.claims("ann"))) == {a1, a2}
    assert await seen(world, world.claims("bob", "b")) == [b1]
    others: dict[str, AnyClaims] = {
        "a member": world.claims("max"),
        "looks only": world.claims("vic"),
        "edits one project": world.claims("eve"),
        "a VIEWER there": world.claims("sam", "b"),
        "a key that reads": KeyClaims(world.places["a1"].key, world.a),
    }
    for why, claims in others.items():
        assert await seen(world, claims) == [], why


async def test_a_token_of_a_workspace_shows_the_letters_of_its_projects(world: World):
    assert await seen(world, world.claims("ann", workspace="a1")) == [world.places["a1"].project]


async def test_what_belongs_to_no_tenant_is_shown_to_nobody(world: World):
    made = """INSERT INTO dead_letter (org_id, id, topic, partition, record_offset, record_at, reason,
                                       indices, sample_count)
              VALUES ($1, $2, 'raw_metrics', 0, 1, now(), 'not_json', '[]', 0)"""
    letter = uuid4()
    async with world.database.superuser() as connection:
        await connection.execute(made, OPERATOR, letter)
        try:
            everybody = [world.claims(who) for who in ("ann", "sam")] + [world.claims("bob", "b")]
            for claims in everybody:
                found = await seen(world, claims)
                assert found
                assert None not in found
        finally:
            await connection.execute("DELETE FROM dead_letter WHERE id = $1", letter)
