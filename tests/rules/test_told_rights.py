"""What people reach of what channels were told, with whatever SQL: they read it, and write none of it."""

import pytest
from sqlalchemy.exc import DBAPIError

from tests.tenancy.asking import DENIED, asking, rows, sqlstate
from tests.world import World

SHOWN = """SELECT channel_id, thread_id, state, subject_kind, route_id, thread_kind, classification,
                  first_told_at, told_at, reminded_at, escalated_at FROM alert_told WHERE subject_id = :id"""


async def test_people_read_what_was_told(world: World):
    place = world.places["a1"]
    async with asking(world.database, world.claims("vic")) as session:
        [row] = await rows(session, SHOWN, id=place.report)
        assert row[:3] == (world.channels[world.a], place.report, "TOLD")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT refreshed_at FROM alert_told WHERE subject_id = :id",
        "SELECT acknowledged_told FROM alert_told WHERE subject_id = :id",
        "SELECT t FROM alert_told AS t WHERE subject_id = :id",
        "SELECT state FROM alert_told WHERE subject_id = :id FOR UPDATE",
        "UPDATE alert_told SET state = 'ENDED' WHERE subject_id = :id RETURNING 1",
        "DELETE FROM alert_told WHERE subject_id = :id RETURNING 1",
        """INSERT INTO alert_told (org_id, channel_id, subject_id, subject_kind, project_id, route_id,
                                   thread_id, thread_kind, state, classification, first_told_at, told_at)
           SELECT org_id, channel_id, gen_random_uuid(), subject_kind, project_id, route_id, thread_id,
                  thread_kind, state, classification, first_told_at, told_at
           FROM alert_told WHERE subject_id = :id""",
        "SELECT due_at FROM alert_due WHERE subject_id = :id",
    ],
)
async def test_an_administrator_changes_none_of_it_and_sees_no_more(world: World, sql: str):
    ann, report = world.claims("ann"), world.places["a1"].report
    async with asking(world.database, ann) as session:
        assert len(await rows(session, SHOWN, id=report)) == 1
    with pytest.raises(DBAPIError) as refused:
        async with asking(world.database, ann) as session:
            await rows(session, sql, id=report)
    assert sqlstate(refused.value) == DENIED
