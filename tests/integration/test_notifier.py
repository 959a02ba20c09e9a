"""What the notifier tells of real rows: the rules in tests/unit/routing, here with the database's part."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from uuid import uuid4

from tests.told import Office, data


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
