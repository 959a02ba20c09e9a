"""Storms: so much at once that each message would bury the others."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from routing.standing import Thread
from tests.unit.routing.desk import BEGAN, PAGER, TEAM, Desk, at, kinds, report, route


def test_what_joins_an_incident_that_was_told_waits_for_no_storm() -> None:
    desk = Desk(route(storm_at=3))
    desk.put(report(1), at=BEGAN)
    assert kinds(desk.run(at(minutes=10))) == ["detected"]
    desk.put(*(report(number, since=at(minutes=10)) for number in (2, 3, 4)), at=at(minutes=10))
    assert kinds(desk.run(at(minutes=11))) == ["storm"]
    joins = report(5, since=at(minutes=11), incident_id=report(1).incident_id)
    desk.put(joins, report(6, since=at(minutes=11)), at=at(minutes=11))
    assert [tell.subjects for tell in desk.run(at(minutes=12))] == [(joins.id,)]
    assert [tell.subjects for tell in desk.run(at(minutes=16))] == [(report(6).id,)]


def test_a_storm_is_one_message_whatever_the_pace_and_so_is_its_end() -> None:
    desk = Desk(route(storm_at=20, notify=(TEAM, PAGER)))
    for number in range(500):
        desk.put(report(number, since=at(milliseconds=10 * number)), at=at(milliseconds=10 * number))
        if number % 100 == 0:
            desk.look(at(milliseconds=10 * number))
    told = desk.run(at(hours=1))
    assert [(tell.channel_id, tell.kind, len(tell.subjects)) for tell in told] == [
        (TEAM, "storm", 500),
        (PAGER, "storm", 500),
    ]
    worse = report(3)
    for number in range(500):
        desk.put(report(number, is_open=False), at=at(hours=2))
    desk.put(worse, at=at(hours=2))
    assert desk.look(at(hours=2)) == []
    desk.put(replace(worse, is_open=False), at=at(hours=3))
    assert kinds(desk.look(at(hours=3))) == ["storm over"] * 2


def test_a_storm_without_a_wait_is_nineteen_messages_then_one_and_the_rest_together() -> None:
    desk = Desk(route(storm_at=20, group_wait=timedelta(0)))
    for number in range(60):
        desk.put(report(number, since=at(seconds=number / 10)), at=at(seconds=number / 10))
        desk.look(at(seconds=number / 10))
    desk.run(at(hours=1))
    assert Counter(tell.kind for _, tell in desk.sent) == {"detected": 19, "storm": 2}
    assert len(desk.sent[-1][1].subjects) == 40


def test_what_stands_out_of_a_storm_goes_on_alone() -> None:
    desk = Desk(route(storm_at=2))
    desk.put(report(1, classification="MINOR"), report(2, classification="MINOR"), at=BEGAN)
    assert kinds(desk.run(at(hours=1))) == ["storm"]
    desk.put(report(2, is_open=False, classification="MINOR"), at=at(hours=1))
    desk.look(at(hours=1))
    desk.put(report(1), at=at(hours=2))
    told = desk.look(at(hours=2))
    assert kinds(told) == ["storm over", "reclassified"]
    assert told[1].thread == Thread(report().incident_id or uuid4(), "incident")


def test_many_endings_and_many_reminders_are_one_message_but_not_to_a_pager() -> None:
    desk = Desk(route(notify=(TEAM, PAGER)))
    desk.put(*(report(number) for number in range(30)), at=BEGAN)
    assert Counter(kinds(desk.run(at(hours=1)))) == {"detected": 60}
    desk.route = replace(desk.route, storm_at=20)
    reminded = desk.run(at(days=1, hours=1))
    assert Counter((tell.channel_id, tell.kind) for tell in reminded) == {
        (TEAM, "storm"): 1,
        (PAGER, "reminder"): 30,
    }
    for number in range(30):
        desk.put(report(number, is_open=False), at=at(days=1, hours=2))
    ended = desk.look(at(days=1, hours=2))
    assert Counter((tell.channel_id, tell.kind) for tell in ended) == {
        (TEAM, "storm"): 1,
        (PAGER, "resolved"): 30,
    }
