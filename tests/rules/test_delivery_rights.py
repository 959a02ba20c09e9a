"""What people reach of deliveries, with whatever SQL."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from storage.tenancy import AnyClaims, KeyClaims
from tests.tenancy.asking import DENIED, asking, rows, sqlstate
from tests.world import World

DISABLED, NOT_DEAD = "AG041", "AG042"
REPLAY, TEST = "SELECT public.replay_delivery(:id)", "SELECT public.test_channel(:id)"


async def answer(world: World, claims: AnyClaims | None, sql: str, named: UUID) -> object:
    """Return what is answered, or the SQLSTATE of the refusal; nothing stays."""
    try:
        async with asking(world.database, claims) as session:
            [(found,)] = await rows(session, sql, id=named)
            return found
    except DBAPIError as error:
        return sqlstate(error)


@pytest.mark.parametrize(
    ("who", "org", "workspace", "told"),
    [
        ("ann", "a", None, True),
        ("ann", "a", "a1", True),
        ("ann", "a", "a2", False),
        ("sam", "a", None, True),
        ("bob", "b", None, False),
        ("sam", "b", None, DENIED),
        ("max", "a", None, DENIED),
        ("eve", "a", None, DENIED),
        ("fay", "a", None, DENIED),
    ],
)
async def test_who_sends_again_what_was_given_up(world, who, org, workspace, told):
    place = world.places["a1"]
    claims = world.claims(who, org, workspace)
    assert await answer(world, claims, REPLAY, place.delivery) == told
    assert await answer(world, claims, REPLAY, uuid4()) == (DENIED if told == DENIED else False)


@pytest.mark.parametrize(
    ("who", "org", "workspace", "may"),
    [
        ("ann", "a", None, True),
        ("ann", "a", "a1", DENIED),
        ("bob", "b", None, None),
        ("sam", "b", None, DENIED),
        ("max", "a", None, DENIED),
        ("vic", "a", None, DENIED),
    ],
)
async def test_who_tests_a_channel(world, who, org, workspace, may):
    told = await answer(world, world.claims(who, org, workspace), TEST, world.channels[world.a])
    assert (isinstance(told, UUID) or told) == may


async def test_a_key_and_nobody_send_and_see_nothing(world: World):
    place = world.places["a1"]
    key = KeyClaims(place.key, world.a)
    for claims in (key, None):
        assert await answer(world, claims, REPLAY, place.delivery) == DENIED
        assert await answer(world, claims, TEST, world.channels[world.a]) == DENIED
        assert (
            await answer(world, claims, "SELECT count(*) FROM alert_delivery WHERE id <> :id", uuid4()) == 0
        )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT body FROM alert_delivery WHERE id = :id",
        "SELECT headers FROM alert_delivery WHERE id = :id",
        "SELECT d FROM alert_delivery AS d WHERE id = :id",
        "UPDATE alert_delivery SET status = 'PENDING' WHERE id = :id RETURNING 1",
        "UPDATE alert_delivery SET next_attempt_at = now() WHERE id = :id RETURNING 1",
        "DELETE FROM alert_delivery WHERE id = :id RETURNING 1",
        """INSERT INTO alert_delivery (org_id, id, channel_id, thread_id, sequence, kind)
           SELECT org_id, gen_random_uuid(), channel_id, id, 9, 'test' FROM alert_delivery WHERE id = :id
           RETURNING 1""",
        "SELECT channel_id FROM alert_lane WHERE channel_id <> :id",
        "UPDATE alert_lane SET open_until = NULL WHERE channel_id <> :id RETURNING 1",
        "SELECT public.revive_deliveries(auth.org_id(), ARRAY[CAST(:id AS uuid)])",
        "SELECT public.take_places(auth.org_id(), :id, 1)",
        "SELECT public.promote_heads(auth.org_id(), :id, ARRAY[CAST(:id AS uuid)])",
    ],
)
async def test_no_sql_of_the_apis_role_reads_or_writes_what_is_sent(world: World, sql: str):
    delivery = world.places["a1"].delivery
    ann = world.claims("ann")
    assert await answer(world, ann, "SELECT id FROM alert_delivery WHERE id = :id", delivery) == delivery
    assert await answer(world, ann, sql, delivery) == DENIED


async def test_what_is_of_no_project_is_the_admins(world: World):
    count = "SELECT count(*) FROM alert_delivery WHERE channel_id = :id AND project_id IS NULL"
    for who, workspace, seen in (("ann", None, 1), ("ann", "a1", 0), ("max", None, 0), ("vic", None, 0)):
        async with world.database.superuser() as connection:
            test = await connection.fetchval(
                """INSERT INTO alert_delivery (org_id, id, channel_id, thread_id, sequence, kind)
                   VALUES ($1, gen_random_uuid(), $2, gen_random_uuid(), 99, 'test') RETURNING id""",
                world.a,
                world.channels[world.a],
            )
            try:
                claims = world.claims(who, "a", workspace)
                assert await answer(world, claims, count, world.channels[world.a]) == seen, who
            finally:
                await connection.execute("DELETE FROM alert_delivery WHERE id = $1", test)


async def test_what_is_not_dead_or_of_a_channel_that_takes_nothing_is_refused(world: World):
    delivery, channel = world.places["a1"].delivery, world.channels[world.a]
    async with asking(world.database, world.claims("ann")) as session:
        assert await rows(session, REPLAY, id=delivery) == [(True,)]
        waits = "SELECT status, attempts, next_attempt_at IS NOT NULL FROM alert_delivery WHERE id = :id"
        assert await rows(session, waits, id=delivery) == [("PENDING", 0, True)]
        with pytest.raises(DBAPIError) as refused:
            await rows(session, REPLAY, id=delivery)
        assert sqlstate(refused.value) == NOT_DEAD
    disable = "UPDATE alert_channel SET disabled_at = now(), disabled_reason = 'status 410' WHERE id = $1"
    async with world.database.superuser() as connection:
        await connection.execute(disable, channel)
        try:
            ann = world.claims("ann")
            assert await answer(world, ann, REPLAY, delivery) == DISABLED
            assert await answer(world, ann, TEST, channel) == DISABLED
        finally:
            await connection.execute(
                "UPDATE alert_channel SET disabled_at = NULL, disabled_reason = NULL WHERE id = $1", channel
            )


async def test_a_test_that_waits_is_the_one_that_is_asked_for(world: World):
    channel = world.channels[world.a]
    async with asking(world.database, world.claims("ann")) as session:
        [(first,)] = await rows(session, TEST, id=channel)
        assert await rows(session, TEST, id=channel) == [(first,)]
        told = "SELECT kind, status, project_id FROM alert_delivery WHERE id = :id"
        assert await rows(session, told, id=first) == [("test", "PENDING", None)]
