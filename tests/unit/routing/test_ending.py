"""What a channel is told from the first to the last of a thing, and when that opens again."""

from dataclasses import replace
from uuid import UUID

from routing.standing import Thread
from tests.unit.routing.desk import BEGAN, PAGER, Desk, at, kinds, report, route


def test_it_is_told_after_the_group_wait_and_when_it_ends() -> None:
    desk = Desk()
    desk.put(report(), at=BEGAN)
    assert desk.look(at(seconds=29)) == []
    assert kinds(desk.look(at(seconds=30))) == ["detected"]
    desk.put(report(is_open=False, since=at(hours=1)), at=at(hours=1))
    assert [(tell.kind, tell.over) for tell in desk.look(at(hours=1))] == [("resolved", True)]
    assert desk.due == {}


def test_an_incident_is_one_thread_from_its_first_report_to_its_last() -> None:
    incident = UUID(int=300)
    one, two = report(1, incident_id=incident), report(2, incident_id=incident, classification="MINOR")
    desk = Desk(route(notify=(PAGER,)))
    desk.put(one, two, at=BEGAN)
    (tell,) = desk.run(at(minutes=1))
    assert (tell.kind, tell.thread, tell.subjects) == (
        "detected",
        Thread(incident, "incident"),
        (one.id, two.id),
    )
    desk.put(replace(one, is_open=False), at=at(hours=1))
    assert desk.look(at(hours=1)) == []
    desk.put(one, at=at(hours=2))
    assert desk.look(at(hours=2)) == [], "nobody heard that it had ended"
    assert kinds(desk.run(at(days=1, hours=1))) == ["reminder"], "one for both"
    for each in (one, two):
        desk.put(replace(each, is_open=False), at=at(days=2))
    assert [(tell.kind, tell.over) for tell in desk.look(at(days=2))] == [("resolved", True)]
    joining = report(3, incident_id=incident, since=at(days=3))
    desk.put(joining, at=at(days=3))
    assert [(tell.kind, tell.thread) for tell in desk.run(at(days=3, hours=1))] == [
        ("detected", Thread(incident, "incident"))
    ]


def test_what_opens_again_goes_on_in_its_thread_whatever_its_incident_is_now() -> None:
    desk = Desk()
    desk.put(report(), at=BEGAN)
    (first,) = desk.run(at(minutes=1))
    desk.put(report(is_open=False), at=at(hours=1))
    desk.look(at(hours=1))
    desk.put(report(since=at(hours=2), incident_id=UUID(int=999)), at=at(hours=2))
    assert [(tell.kind, tell.thread) for tell in desk.run(at(hours=3))] == [("detected", first.thread)]


def test_a_notice_is_told_as_one_and_ends() -> None:
    notice = replace(report(), kind="notice", classification=None, incident_id=None)
    desk = Desk()
    desk.put(notice, at=BEGAN)
    assert [(tell.kind, tell.over) for tell in desk.run(at(days=1, hours=1))] == [("notice", False)] * 2
    desk.put(replace(notice, is_open=False), at=at(days=2))
    assert [(tell.kind, tell.over) for tell in desk.look(at(days=2))] == [("notice", True)]
