"""Much that becomes worse at once, on real rows: more than the notifier looks at in one go."""

import json
from collections import Counter
from uuid import UUID

from streams.notifier import BATCH, PICTURED
from tests.told import Office, data

MANY = 2 * PICTURED + 5


async def heard(office: Office) -> dict[UUID, Counter[str]]:
    found: dict[UUID, Counter[str]] = {}
    for row in await office.told():
        found.setdefault(row["channel_id"], Counter())[row["kind"]] += 1
    return found


async def arrive(office: Office) -> None:
    """Let all that was put be delivered."""
    await office.do(
        """UPDATE alert_delivery SET status = 'SENT', sent_at = now(), next_attempt_at = NULL, body = NULL
           WHERE org_id = $1"""
    )


async def test_many_that_became_worse_are_one_message_to_people_and_each_is_told_to_a_ledger(office: Office):
    hook, mail = await office.channel(), await office.channel("email")
    duty = await office.channel("pagerduty")
    await office.route("storm_at = 100000, group_by = 'report'")
    await office.open(MANY, classification="MINOR")
    await office.told(seconds=31)
    await arrive(office)
    await office.do("UPDATE alert_route SET storm_at = 20 WHERE org_id = $1")
    assert await office.kinds() == []
    await office.change("classification = 'MAJOR'")
    assert await heard(office) == {hook: {"storm": 1}, mail: {"storm": 1}, duty: {"reclassified": MANY}}
    (row,) = await office.do(
        "SELECT * FROM alert_delivery WHERE org_id = $1 AND channel_id = $2 AND kind = 'storm'", hook
    )
    said = data(row)
    assert set(said["report_ids"]) == {str(each) for each in office.reports}
    assert said["worse"] is True
    assert said["message"]["title"] == f"{MANY} broken assumptions became worse at once: {MANY} MAJOR"
    assert said["message"]["facts"][0] == {"name": "Were", "value": f"{MANY} MINOR"}
    known = await office.do("SELECT DISTINCT classification, thread_kind FROM alert_told WHERE org_id = $1")
    assert [tuple(each) for each in known] == [("MAJOR", "subject")]
    assert await office.kinds() == [], "looking again tells nothing"


async def test_a_storm_that_became_worse_goes_on_as_one_to_its_end(office: Office):
    hook, duty = await office.channel(), await office.channel("pagerduty")
    await office.open(BATCH + 50, classification="MINOR")
    first = {row["channel_id"]: row for row in await office.told(seconds=31)}
    worse, mild = office.reports[:-10], office.reports[-10:]
    await office.change("classification = 'MAJOR'", *worse)
    told = await office.told()
    (row,) = [each for each in told if each["channel_id"] == hook]
    assert (row["kind"], row["thread_id"]) == ("storm", first[hook]["thread_id"])
    assert data(row)["reports"] == len(worse)
    events = [json.loads(each["body"]) for each in told if each["channel_id"] == duty]
    assert Counter(each["event_action"] for each in events) == {"trigger": len(worse)}
    await office.end(*worse)
    assert await heard(office) == {duty: {"resolved": len(worse)}}
    await office.end(*mild)
    assert await heard(office) == {hook: {"storm": 1}, duty: {"storm": 1}}
