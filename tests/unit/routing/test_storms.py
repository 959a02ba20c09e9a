"""Storms: so much at once that each message would bury the others."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from routing.standing import Thread
from tests.unit.routing.desk import BEGAN, PAGER, PROMETHEUS, TEAM, Desk, at, kinds, report, route


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


def test_many_that_became_worse_are_one_message_but_a_ledger_hears_of_each() -> None:
    desk = Desk(route(notify=(TEAM, PAGER, PROMETHEUS)))
    desk.put(*(report(number, classification="MINOR") for number in range(50)), at=BEGAN)
    desk.run(at(hours=1))
    desk.route = replace(desk.route, storm_at=20)
    for hours, first, last, told in ((2, 0, 19, {"reclassified": 19}), (25, 19, 50, {"storm": 1})):
        desk.put(*(report(number) for number in range(first, last)), at=at(hours=hours))
        worse = desk.look(at(hours=hours))
        assert Counter(tell.kind for tell in worse if tell.channel_id == TEAM and tell.before) == told
        for ledger in (PAGER, PROMETHEUS):
            mine = [tell for tell in worse if tell.channel_id == ledger and tell.kind == "reclassified"]
            assert len(mine) == len({tell.thread for tell in mine}) == last - first
    (one,) = [tell for tell in worse if tell.channel_id == TEAM]
    assert (one.before, len(one.subjects), one.over) == ("MINOR", 31, False), (
        "and no reminder of them besides"
    )
    assert {told.thread.kind for told in desk.told.values()} == {"incident"}, "each goes on in its own thread"
    desk.put(report(30, is_open=False), at=at(hours=25.5))
    ended = [tell for tell in desk.look(at(hours=25.5)) if tell.channel_id == TEAM]
    assert [(tell.kind, tell.thread.kind) for tell in ended] == [("resolved", "incident")]


def test_many_of_a_storm_that_became_worse_stay_in_it_and_it_ends_once() -> None:
    desk = Desk(route(notify=(TEAM, PAGER), storm_at=20))
    desk.put(*(report(number, classification="MINOR") for number in range(50)), at=BEGAN)
    (storm, _) = desk.run(at(hours=1))
    desk.put(*(report(number) for number in range(45)), at=at(hours=1))
    worse = desk.look(at(hours=1))
    (one,) = [tell for tell in worse if tell.channel_id == TEAM]
    assert (one.kind, one.thread, one.before, one.over) == ("storm", storm.thread, "MINOR", False)
    assert set(one.subjects) == {report(number).id for number in range(45)}
    assert Counter(tell.kind for tell in worse if tell.channel_id == PAGER) == {"reclassified": 45}
    desk.put(*(report(number) for number in range(45, 49)), at=at(hours=2))
    alone = [tell for tell in desk.look(at(hours=2)) if tell.channel_id == TEAM]
    assert kinds(alone) == ["reclassified"] * 4, "few stand out"
    desk.put(*(report(number, is_open=False) for number in range(50)), at=at(hours=3))
    ended = [tell for tell in desk.look(at(hours=3)) if tell.channel_id == TEAM]
    assert [tell.thread for tell in ended if tell.kind == "storm"] == [storm.thread]
    assert Counter(kinds(ended)) == {"storm over": 1, "resolved": 4}


def test_what_has_not_arrived_is_followed_in_its_own_thread() -> None:
    desk = Desk(route())
    desk.put(*(report(number, classification="MINOR") for number in range(30)), at=BEGAN)
    desk.run(at(hours=1))
    desk.route = replace(desk.route, storm_at=20)
    late = desk.told[TEAM, report(3).id].thread
    desk.stuck = {(TEAM, late.id)}
    desk.put(*(report(number) for number in range(30)), at=at(hours=1))
    assert [(tell.kind, len(tell.subjects)) for tell in desk.look(at(hours=1))] == [
        ("reclassified", 1),
        ("storm", 29),
    ]
    assert desk.sent[-2][1].thread == late
    desk.put(*(report(number, is_open=False) for number in range(30)), at=at(hours=2))
    assert [(tell.kind, len(tell.subjects)) for tell in desk.look(at(hours=2))] == [
        ("resolved", 1),
        ("storm", 29),
    ]


def test_a_storm_that_has_not_arrived_is_told_in_its_thread_and_others_beside_it() -> None:
    desk = Desk(route(storm_at=20))
    desk.put(*(report(number, classification="MINOR") for number in range(30)), at=BEGAN)
    (storm,) = desk.run(at(hours=1))
    others = [report(number, classification="MINOR", since=at(hours=1)) for number in range(30, 45)]
    desk.put(*others, at=at(hours=1))
    desk.run(at(hours=2))
    desk.stuck = {storm.key}
    desk.put(*(report(number) for number in range(45)), at=at(hours=3))
    told = desk.look(at(hours=3))
    assert [(tell.thread == storm.thread, len(tell.subjects)) for tell in told] == [(True, 30), (False, 15)]
