"""What the notifier tells of real rows: the rules in tests/unit/routing, here with the database's part."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from uuid import uuid4

import pytest

from routing.decide import Decision, decide
from routing.standing import Look
from settings import Settings
from storage import deliveries, turns
from storage.measuring import measured
from streams import notifier
from streams.notifier import Notifier
from tests.told import Office, data, office_of
from tests.world import World


@pytest.fixture
async def office(changing_world: World, settings: Settings) -> AsyncIterator[Office]:
    async with office_of(changing_world.database, settings) as office:
        yield office


async def test_a_report_is_told_after_the_group_wait_and_when_the_data_end_it(office: Office):
    channel = await office.channel()
    (report,) = await office.open()
    assert await office.kinds() == []
    (row,) = await office.told(seconds=31)
    assert (row["kind"], row["channel_id"], row["report_id"]) == ("detected", channel, report)
    assert row["project_id"] == office.place.project
    assert data(row)["id"] == str(report)
    assert await office.kinds(hours=2) == []
    await office.end()
    (row,) = await office.told()
    assert (row["kind"], data(row)["course"]["resolution"]) == ("resolved", "data")
    assert await office.do("SELECT * FROM alert_due WHERE org_id = $1 AND subject_kind = 'report'") == []
    await office.change("status = 'OPEN', resolution = NULL, resolved_at = NULL")
    (again,) = await office.told(seconds=31)
    assert (again["kind"], again["thread_id"]) == ("detected", row["thread_id"])


async def test_what_flaps_within_the_group_wait_is_told_to_nobody(office: Office):
    await office.channel()
    await office.open()
    await office.told()
    await office.end()
    assert await office.kinds(days=1) == []


async def test_worse_is_told_milder_is_not(office: Office):
    await office.channel()
    await office.open(classification="MINOR")
    await office.told(seconds=31)
    await office.change("classification = 'COSMETIC'")
    assert await office.kinds() == []
    await office.change("classification = 'MAJOR'")
    (row,) = await office.told()
    assert (row["kind"], data(row)["course"]["before"]) == ("reclassified", "MINOR")


async def test_an_acknowledgement_stops_reminders_and_the_pager_is_told_of_it(office: Office):
    await office.channel()
    pager = await office.channel("pagerduty")
    await office.open()
    assert await office.kinds(seconds=31) == ["detected"] * 2
    assert await office.kinds(hours=25) == ["reminder"] * 2
    await office.handle(f"acknowledged_at = now(), acknowledged_by = '{office.user}'")
    (row,) = await office.told()
    assert (row["kind"], row["channel_id"]) == ("acknowledged", pager)
    assert json.loads(row["body"])["event_action"] == "acknowledge"
    assert json.loads(row["body"])["payload"]["custom_details"]["Acknowledged"].startswith("by Ann")
    assert await office.kinds(days=9) == []


async def test_what_nobody_acknowledges_goes_to_others_once(office: Office):
    await office.channel()
    boss = await office.channel("email", role="escalate")
    await office.route("escalate_after = '1 hour', repeat_every = NULL")
    await office.open()
    assert await office.kinds(seconds=31) == ["detected"]
    (row,) = await office.told(hours=1, seconds=1)
    assert (row["kind"], row["channel_id"]) == ("escalated", boss)
    mail = message_from_bytes(row["body"])
    assert mail["To"] == "team@people.example, boss@people.example"
    assert "acknowledged by nobody" in mail["Subject"].replace("\n", "")
    assert await office.kinds(days=2) == []
    await office.end()
    assert Counter(row["channel_id"] for row in await office.told())[boss] == 1


async def test_what_is_put_off_sleeps_until_it_wakes(office: Office):
    await office.channel()
    (report,) = await office.open()
    await office.told(seconds=31)
    await office.handle("snoozed_until = now() + interval '3 days'")
    assert await office.kinds() == []
    assert await office.kinds(days=2) == []
    assert await office.kinds(days=1, seconds=1) == ["reminder"]
    await office.handle("snoozed_until = now() + interval '3 days'", report)
    await office.change("classification = 'MAJOR'")
    assert await office.kinds() == ["reclassified"]


async def test_what_is_silenced_is_told_when_the_silence_ends_if_it_still_holds(office: Office):
    await office.channel()
    now = datetime.now(UTC)
    await office.do(
        """INSERT INTO alert_silence (org_id, id, matchers, starts_at, ends_at, reason, created_by)
           VALUES ($1, $2, '{}', $3, $4, 'deploying', $5)""",
        *(uuid4(), now, now + timedelta(hours=4), office.user),
    )
    kept, ended = await office.open(2)
    assert await office.kinds(minutes=1) == []
    await office.end(ended)
    assert await office.kinds(hours=3) == []
    assert [row["report_id"] for row in await office.told(hours=1)] == [kept]
    await office.do("UPDATE alert_silence SET ends_at = now() + interval '1 day' WHERE org_id = $1")
    await office.end()
    assert await office.kinds() == []
    end = "UPDATE alert_silence SET ended_at = now(), ended_by = $2 WHERE org_id = $1"
    await office.without("alert_silence", "end_silence", end, office.user)
    assert await office.kinds() == ["resolved"], "ending it makes all of it due"


async def test_quiet_hours_hold_and_let_through_what_is_loud(office: Office):
    await office.channel()
    await office.do(
        """INSERT INTO alert_window (org_id, id, name, kind, matchers, timezone, weekdays, from_time, to_time,
               lets_through, created_by)
           VALUES ($1, $2, 'always', 'QUIET_HOURS', '{}', 'UTC', '{1,2,3,4,5,6,7}', '00:00', '00:00', 'error',
               $3)""",
        *(uuid4(), office.user),
    )
    await office.open(classification="MINOR")
    (loud,) = await office.open(classification="MAJOR")
    assert [row["report_id"] for row in await office.told(minutes=1)] == [loud]
    await office.do("UPDATE alert_window SET removed_at = now() WHERE org_id = $1")
    assert await office.kinds() == ["detected"]


async def test_five_hundred_at_once_are_one_message_a_channel_and_one_at_the_end(office: Office):
    channels = {await office.channel(), await office.channel("pagerduty"), await office.channel("email")}
    reports = await office.open(500)
    assert await office.kinds() == []
    told = await office.told(seconds=31)
    assert {row["channel_id"] for row in told} == channels
    assert [(row["kind"], row["report_id"], row["project_id"]) for row in told] == [("storm", None, None)] * 3
    webhook = next(row for row in told if b"report_ids" in row["body"])
    assert set(data(webhook)["report_ids"]) == {str(each) for each in reports}
    assert await office.kinds(hours=25) == ["storm"] * 3, "what lasts is reminded of as one"
    await office.end(*reports[1:])
    assert await office.kinds() == []
    await office.end(reports[0])
    over = await office.told()
    assert [row["kind"] for row in over] == ["storm"] * 3
    assert [row["thread_id"] for row in over] == [row["thread_id"] for row in told]
    keys = {json.loads(row["body"])["dedup_key"] for row in (*told, *over) if b"dedup_key" in row["body"]}
    assert len(keys) == 1
    assert {json.loads(row["body"])["event_action"] for row in over if b"dedup_key" in row["body"]} == {
        "resolve"
    }


async def test_an_incident_is_told_as_one(office: Office):
    await office.channel("pagerduty")
    incident = uuid4()
    one, two = await office.open(2, incident_id=incident)
    (row,) = await office.told(seconds=31)
    assert (row["kind"], row["thread_id"]) == ("detected", incident)
    assert json.loads(row["body"])["dedup_key"] == str(incident)
    await office.end(one)
    assert await office.kinds() == []
    await office.end(two)
    (row,) = await office.told()
    assert (row["kind"], json.loads(row["body"])["event_action"]) == ("resolved", "resolve")


async def test_what_is_found_within_the_wait_of_its_incident_is_told_with_it(office: Office):
    await office.channel()
    incident = uuid4()
    await office.open(incident_id=incident)
    await office.told(seconds=20)
    reports = await office.open(incident_id=incident) + office.reports[:1]
    await office.told()
    (row,) = await office.told(seconds=11)
    assert set(data(row)["told_as_one"]["report_ids"]) == {str(each) for each in reports}
    assert await office.kinds(minutes=5) == []


async def test_by_report_each_is_told(office: Office):
    await office.channel()
    await office.route("group_by = 'report'")
    await office.open(2, incident_id=uuid4())
    assert await office.kinds(seconds=31) == ["detected"] * 2


async def test_how_it_ended_is_said(office: Office):
    await office.channel()
    by_person, by_version, groundless = await office.open(3)
    await office.told(seconds=31)
    await office.handle(
        f"closed_at = now(), closed_by = '{office.user}', close_reason = 'The flag is on.',"
        " closed_as = classification",
        by_person,
    )
    (row,) = await office.told()
    facts = {fact["name"]: fact["value"] for fact in data(row)["message"]["facts"]}
    assert facts["What changed"] == "Ann resolved it: The flag is on."
    await office.change("status = 'RESOLVED', resolution = 'superseded', resolved_at = now()", by_version)
    (row,) = await office.told()
    assert data(row)["course"]["resolution"] == "superseded"
    await office.change("status = 'SUPERSEDED', resolution = 'corrected', resolved_at = now()", groundless)
    (row,) = await office.told()
    assert (row["kind"], data(row)["course"]["resolution"]) == ("resolved", "corrected")


async def test_what_is_silent_is_told_to_nobody(office: Office):
    await office.channel()
    await office.open(shadow=True)
    await office.open(historical=True)
    assert await office.kinds(days=1) == []
    assert await office.do("SELECT * FROM alert_due WHERE org_id = $1 AND subject_kind = 'report'") == []


async def test_a_channel_that_is_off_hears_of_it_when_it_is_on(office: Office):
    channel = await office.channel()
    off = (
        "UPDATE alert_channel SET disabled_at = now(), disabled_reason = 'gone' WHERE org_id = $1 AND id = $2"
    )
    on = "UPDATE alert_channel SET disabled_at = NULL, disabled_reason = NULL WHERE org_id = $1 AND id = $2"
    await office.do(off, channel)
    await office.open()
    assert await office.kinds(days=1) == []
    await office.do(on, channel)
    assert await office.kinds() == ["detected"]
    await office.do(off, channel)
    await office.end()
    assert await office.kinds() == []
    await office.do(on, channel)
    assert await office.kinds() == ["resolved"]


async def test_an_organisation_that_is_closed_is_told_nothing(office: Office):
    await office.channel()
    await office.open()
    await office.do("UPDATE organization SET closed_at = now() WHERE id = $1")
    assert await office.kinds(days=1) == []
    await office.do("UPDATE organization SET closed_at = NULL WHERE id = $1")
    assert await office.kinds() == ["detected"]


async def test_a_new_channel_hears_of_what_is_open(office: Office):
    await office.open()
    assert await office.kinds(days=1) == []
    await office.channel()
    assert await office.kinds() == ["detected"]


async def test_cosmetic_ones_wait_for_the_digest(office: Office):
    await office.channel()
    (report,) = await office.open(classification="COSMETIC")
    assert await office.kinds(days=1) == []
    assert [row["state"] for row in await office.do("SELECT state FROM alert_told WHERE org_id = $1")] == [
        "DIGEST"
    ]
    await office.change("classification = 'MINOR'", report)
    assert await office.kinds() == ["detected"]


async def test_alertmanager_is_told_again_every_five_minutes(office: Office):
    await office.channel("alertmanager")
    await office.open()
    assert await office.kinds(seconds=31) == ["detected"]
    assert await office.kinds(minutes=4) == []
    assert await office.kinds(minutes=1) == ["refresh"]
    labels = [
        json.loads(row["body"])[0]["labels"]
        for row in await office.do("SELECT body FROM alert_delivery WHERE org_id = $1")
    ]
    assert labels[0] == labels[1]


async def test_a_notice_is_told_and_ends(office: Office):
    await office.channel()
    notice = uuid4()
    await office.do(
        """INSERT INTO alert_notice (org_id, id, project_id, kind, opened_at, detail)
           VALUES ($1, $2, $3, 'PROJECT_SILENT', now() - interval '1 minute', $4)""",
        *(
            notice,
            office.place.project,
            json.dumps({"last": "2026-11-02T00:00:00+00:00", "missed": 9, "needed": 8}),
        ),
    )
    due = """INSERT INTO alert_due (org_id, subject_kind, subject_id, project_id, due_at, changed_at)
             VALUES ($1, 'notice', $2, $3, now(), now())
             ON CONFLICT (org_id, subject_id) DO UPDATE SET due_at = now()"""
    await office.do(due, notice, office.place.project)
    (row,) = await office.told()
    assert (row["kind"], row["report_id"], row["thread_id"]) == ("notice", None, notice)
    await office.do("UPDATE alert_notice SET ended_at = now() WHERE org_id = $1")
    await office.do(due, notice, office.place.project)
    (row,) = await office.told()
    assert json.loads(row["body"])["type"] == "notice.ended"


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


async def test_two_hundred_subjects_take_well_under_a_second(office: Office):
    await office.channel()
    await office.route("storm_at = 100000")
    await office.open(200)
    await office.passes(seconds=31)
    begun = asyncio.get_running_loop().time()
    told = await office.told()
    took = asyncio.get_running_loop().time() - begun
    assert len(told) == 200
    assert took < 2, f"{took:.2f} s"


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
    def slowly(look: Look) -> Decision:
        time.sleep(0.5)
        return decide(look)

    monkeypatch.setattr(notifier, "decide", slowly)
    await office.channel()
    await office.open()
    await office.passes(seconds=31)
    looking, most, last = asyncio.create_task(office.told()), 0.0, time.perf_counter()
    while not looking.done():
        await asyncio.sleep(0.01)
        most, last = max(most, time.perf_counter() - last), time.perf_counter()
    assert [row["kind"] for row in await looking] == ["detected"]
    assert most < 0.4
