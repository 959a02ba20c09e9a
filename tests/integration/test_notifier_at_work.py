"""How the notifier works on what is due: one at a time, killed, refused, and while others go on."""

import asyncio
import threading
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from routing.decide import Decision, decide
from routing.standing import Look
from settings import Settings
from storage import deliveries, turns
from storage.measuring import measured
from streams import notifier
from streams.notifier import Notifier
from tests.told import Office


async def test_two_notifiers_at_once_write_each_message_once(office: Office, settings: Settings):
    await office.channel()
    await office.route("storm_at = 100000, group_wait = '0'")
    others = [Notifier(office.pool, settings) for _ in range(3)]
    tasks = [asyncio.create_task(_looking(each)) for each in others]
    for _ in range(10):
        await office.open(30)
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    told = await office.told()
    assert Counter(row["report_id"] for row in told) == dict.fromkeys(office.reports, 1)


async def _looking(notifier: Notifier) -> None:
    while True:
        await notifier.look()
        await asyncio.sleep(0)


async def test_an_organisation_is_looked_at_by_one_notifier_at_a_time(office: Office):
    await office.channel()
    await office.open()
    await office.passes(seconds=31)
    async with office.pool.acquire() as other, other.transaction():
        assert await turns.taken(other, f"alerts of {office.place.org}")
        assert await office.kinds() == []
    assert await office.kinds() == ["detected"]


async def test_what_people_say_among_themselves_makes_nothing_due(office: Office):
    await office.channel()
    (report,) = await office.open()
    await office.told(seconds=31)
    due = "SELECT due_at FROM alert_due WHERE org_id = $1 AND subject_kind = 'report'"
    before = await office.do(due)
    said = """INSERT INTO report_event (org_id, project_id, report_id, sequence, kind, actor_kind, at, body)
              SELECT $1, $2, $3, k.place, k.kind, 'system', now(), k.body::jsonb
              FROM (VALUES (7, 'COMMENTED', '{"text": "Looking."}'), (8, 'ASSIGNED', '{}'),
                           (9, 'UNASSIGNED', '{}')) AS k (place, kind, body)"""
    await office.without("report_event", "number_report_event", said, office.place.project, report)
    assert await office.do(due) == before


async def test_what_is_killed_before_its_commit_loses_and_doubles_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    await office.channel()
    await office.open(3)
    await office.passes(seconds=31)
    put = deliveries.put

    async def killed(*given: object) -> None:
        await put(*given)  # type: ignore[arg-type]  # as it was called
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "put", killed)
        with pytest.raises(asyncio.CancelledError):
            await office.told()
    assert await office.do("SELECT * FROM alert_told WHERE org_id = $1") == []
    assert await office.kinds() == ["detected"] * 3


async def test_what_cannot_be_told_keeps_nobody_from_hearing_of_others(office: Office):
    await office.channel()
    bad, good = await office.open(2)
    await office.do("UPDATE assumption SET runbook_url = 'x' WHERE org_id = $1")
    assert await office.kinds(seconds=31) == []
    await office.do("UPDATE assumption SET runbook_url = '' WHERE org_id = $1")
    (other,) = await office.open()
    assert [row["report_id"] for row in await office.told(seconds=31)] == [other]
    assert {row["report_id"] for row in await office.told(minutes=5)} == {bad, good}


async def test_what_is_due_of_a_closed_organisation_waits_and_is_no_lag_of_the_notifiers(office: Office):
    await office.channel()
    await office.open()

    async def lag() -> float:
        async with office.pool.acquire() as connection:
            return (await measured(connection, "detect", datetime.now(UTC))).notifier_lag

    await office.passes(hours=9)
    assert await lag() > 9 * 3600
    await office.do("UPDATE organization SET closed_at = now() WHERE id = $1")
    assert await lag() < 9 * 3600
    assert await office.kinds() == []
    await office.do("UPDATE organization SET closed_at = NULL WHERE id = $1")
    assert await office.kinds() == ["detected"]


async def test_a_tag_that_a_route_is_about_takes_what_is_open_there(office: Office):
    channel = await office.channel()
    team = await office.channel()
    route = uuid4()
    await office.do(
        """INSERT INTO alert_route (org_id, id, name, position, matchers, continues, created_by)
           VALUES ($1, $2, 'Payments', 1, '{"tag": ["payments"]}', true, $3)""",
        *(route, office.user),
    )
    await office.do(
        "UPDATE alert_route_channel SET route_id = $3 WHERE org_id = $1 AND channel_id = $2", team, route
    )
    await office.open()
    assert [row["channel_id"] for row in await office.told(seconds=31)] == [channel]
    await office.do(
        """INSERT INTO tag (org_id, id, project_id, artifact_id, tag_name)
           VALUES ($1, $2, $3, $4, 'payments')""",
        *(uuid4(), office.place.project, office.place.artifact),
    )
    assert [(row["channel_id"], row["kind"]) for row in await office.told()] == [(team, "detected")]
    await office.do("DELETE FROM tag WHERE org_id = $1")
    assert await office.kinds() == []
    await office.end()
    assert {row["channel_id"] for row in await office.told()} == {channel, team}


async def test_while_it_is_decided_others_go_on(office: Office, monkeypatch: pytest.MonkeyPatch):
    others, went_on = threading.Event(), []

    def slowly(look: Look) -> Decision:
        went_on.append(others.wait(20))
        return decide(look)

    monkeypatch.setattr(notifier, "decide", slowly)
    await office.channel()
    await office.open()
    await office.passes(seconds=31)
    looking = asyncio.create_task(office.told())
    asyncio.get_running_loop().call_later(0.1, others.set)
    assert [row["kind"] for row in await looking] == ["detected"]
    assert all(went_on)
