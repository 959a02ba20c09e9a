"""What a channel is told of what lasts: worse, reminders, escalations, acknowledgements, refreshes."""

from dataclasses import replace
from uuid import UUID

from routing.standing import Channel
from tests.unit.routing.desk import (
    BEGAN,
    BOSS,
    CHANNELS,
    HOUR,
    PAGER,
    PROMETHEUS,
    TEAM,
    Desk,
    at,
    kinds,
    report,
    route,
)


def test_only_what_got_worse_than_was_told_is_told() -> None:
    desk = Desk()
    desk.put(report(classification="MINOR"), at=BEGAN)
    desk.run(at(minutes=5))
    told = []
    for hour, classification in enumerate(("COSMETIC", "MINOR", "MAJOR", "MINOR", "MAJOR"), 1):
        desk.put(report(classification=classification), at=at(hours=hour))
        told += desk.look(at(hours=hour))
    assert [(tell.kind, tell.before) for tell in told] == [("reclassified", "MINOR")]


def test_reminders_end_with_an_acknowledgement_and_a_pager_hears_of_it() -> None:
    desk = Desk(route(notify=(TEAM, PAGER)))
    desk.put(report(), at=BEGAN)
    assert kinds(desk.run(at(days=2, hours=1))) == ["detected"] * 2 + ["reminder"] * 4
    desk.put(report(acknowledged=True), at=at(days=2, hours=2))
    assert [(tell.channel_id, tell.kind) for tell in desk.run(at(days=30))] == [(PAGER, "acknowledged")]
    desk.put(report(), at=at(days=30))
    assert kinds(desk.run(at(days=30, hours=1))) == ["reminder"] * 2


def test_it_is_escalated_once_where_nobody_acknowledges() -> None:
    desk = Desk(route(escalate_after=HOUR, escalate=(BOSS,), repeat_every=None))
    desk.put(report(), report(2), at=BEGAN)
    desk.look(at(seconds=40))
    desk.put(report(2, acknowledged=True), at=at(minutes=50))
    told = desk.run(at(days=3))
    assert [(tell.channel_id, tell.kind, tell.subjects) for tell in told] == [
        (BOSS, "escalated", (report().id,))
    ]
    desk.put(report(is_open=False), at=at(days=3))
    assert [(tell.channel_id, tell.kind) for tell in desk.look(at(days=3))] == [
        (TEAM, "resolved"),
        (BOSS, "resolved"),
    ]


def test_where_all_who_should_hear_are_away_it_is_escalated() -> None:
    desk = Desk(
        route(escalate_after=HOUR, escalate=(BOSS,)), {**CHANNELS, TEAM: Channel(TEAM, "slack", live=False)}
    )
    desk.put(report(), at=BEGAN)
    assert [(when, tell.channel_id) for when, tell in (desk.run(at(hours=2)), desk.sent)[1]] == [
        (at(hours=1, seconds=30), BOSS)
    ]


def test_what_was_put_off_is_told_when_it_wakes() -> None:
    desk = Desk(route(repeat_every=None))
    desk.hold = lambda each: (
        each.snoozed_until if each.snoozed_until and each.snoozed_until > moment else None
    )
    moment = at(hours=1)
    desk.put(report(), at=BEGAN)
    assert kinds(desk.look(at(minutes=1))) == ["detected"]
    desk.put(report(snoozed_until=at(days=3)), at=moment)
    assert desk.look(moment) == []
    assert desk.due[report().id] == at(days=3)
    moment = at(days=3)
    assert kinds(desk.look(moment)) == ["reminder"]
    assert kinds(desk.run(at(days=9))) == []


def test_a_pager_hears_of_an_acknowledgement_when_all_of_the_incident_has_one() -> None:
    incident = UUID(int=300)
    desk = Desk(route(notify=(PAGER,)))
    desk.put(report(1, incident_id=incident), report(2, incident_id=incident), at=BEGAN)
    desk.run(at(minutes=1))
    desk.put(report(1, incident_id=incident, acknowledged=True), at=at(minutes=2))
    assert desk.look(at(minutes=2)) == []
    desk.put(report(2, incident_id=incident, acknowledged=True), at=at(minutes=3))
    assert kinds(desk.look(at(minutes=3))) == ["acknowledged"]


def test_a_program_that_forgets_is_told_again_every_five_minutes() -> None:
    desk = Desk(route(notify=(PROMETHEUS,)))
    desk.put(report(), at=BEGAN)
    assert kinds(desk.run(at(minutes=21))) == ["detected"] + ["refresh"] * 4
    desk.put(report(acknowledged=True), at=at(minutes=21))
    assert kinds(desk.run(at(minutes=31))) == ["refresh"] * 2
    desk.put(report(is_open=False), at=at(minutes=31))
    assert kinds(desk.run(at(hours=9))) == ["resolved"]


def test_what_comes_back_unheard_is_reminded_of_and_escalated_when_it_does() -> None:
    incident = UUID(int=300)
    one, two = report(1, incident_id=incident), report(2, incident_id=incident)
    desk = Desk(route(escalate_after=HOUR, escalate=(BOSS,), repeat_every=None))
    desk.put(one, two, at=BEGAN)
    desk.run(at(minutes=30))
    desk.put(replace(one, is_open=False), replace(two, acknowledged=True), at=at(minutes=30))
    assert desk.run(at(hours=9)) == []
    desk.route = replace(desk.route, repeat_every=HOUR)
    desk.put(replace(one, since=at(hours=9)), at=at(hours=9))
    told = desk.look(at(hours=9))
    assert [(tell.channel_id, tell.kind) for tell in told] == [(BOSS, "escalated"), (TEAM, "reminder")]
