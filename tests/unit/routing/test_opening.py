"""When a channel is told of something first: after its wait, and if it still holds."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from routing.standing import DIGEST, TOLD, Channel
from tests.unit.routing.desk import BEGAN, CHANNELS, TEAM, Desk, at, kinds, report, route


def test_what_flaps_within_the_group_wait_is_nothing() -> None:
    desk = Desk()
    desk.put(report(), at=BEGAN)
    desk.look(at(seconds=1))
    desk.put(report(is_open=False), at=at(seconds=20))
    assert desk.run(at(days=9)) == []


def test_what_is_held_is_told_when_that_ends_if_it_still_holds() -> None:
    desk = Desk()
    quiet: datetime | None = at(hours=8)
    desk.hold = lambda _: quiet
    desk.put(report(), report(2), at=BEGAN)
    desk.look(at(minutes=1))
    assert set(desk.due.values()) == {at(hours=8)}
    desk.put(report(2, is_open=False), at=at(hours=2))
    desk.look(at(hours=2))
    quiet = None
    assert [tell.subjects for tell in desk.look(at(hours=8))] == [(report().id,)]
    quiet = at(days=1)
    desk.put(report(is_open=False), at=at(hours=20))
    assert desk.look(at(hours=20)) == []
    quiet = None
    assert kinds(desk.look(at(days=1))) == ["resolved"]


def test_what_is_cosmetic_waits_for_the_digest() -> None:
    for cosmetic, told in (("digest", []), ("never", []), ("at_once", ["detected"])):
        desk = Desk(route(cosmetic=cosmetic))
        desk.put(report(classification="COSMETIC"), at=BEGAN)
        assert kinds(desk.run(at(hours=1))) == told
        assert [each.state for each in desk.told.values()] == {
            "digest": [DIGEST],
            "never": [],
            "at_once": [TOLD],
        }[cosmetic]
        desk.put(report(classification="MAJOR"), at=at(hours=2))
        assert kinds(desk.look(at(hours=2))) == ["reclassified" if told else "detected"]


def test_what_is_found_while_the_first_of_its_incident_waits_is_told_with_it() -> None:
    incident = UUID(int=300)
    desk = Desk()
    desk.put(report(1, incident_id=incident), at=BEGAN)
    desk.look(BEGAN)
    desk.put(
        report(2, incident_id=incident, since=at(seconds=20)),
        report(3, since=at(seconds=20)),
        at=at(seconds=20),
    )
    desk.look(at(seconds=20))
    assert [len(tell.subjects) for tell in desk.look(at(seconds=30))] == [2]
    assert [tell.subjects for tell in desk.run(at(minutes=9))] == [(report(3).id,)]


def test_nobody_is_told_of_what_is_silent_nor_by_a_channel_that_is_off() -> None:
    off = {TEAM: Channel(TEAM, "slack", live=False)}
    desk = Desk(channels=off)
    desk.put(report(1, is_silent=True), report(2), at=BEGAN)
    assert desk.run(at(days=9)) == []
    assert list(desk.due) == [report(2).id]
    desk.channels = dict(CHANNELS)
    desk.again(at(days=9))
    assert kinds(desk.look(at(days=9))) == ["detected"]
    desk.channels = off
    desk.put(report(2, is_open=False), at=at(days=10))
    assert desk.look(at(days=10)) == []
    desk.channels = dict(CHANNELS)
    desk.again(at(days=11))
    assert kinds(desk.look(at(days=11))) == ["resolved"]


def test_what_a_digest_told_of_waits_for_the_next_only_if_it_was_opened_again() -> None:
    desk = Desk()
    small = report(classification="COSMETIC")
    desk.put(small, at=BEGAN)
    desk.run(at(hours=1))
    pair = TEAM, small.id
    desk.told[pair] = replace(desk.told[pair], told_at=at(days=6), reminded_at=at(days=6))
    desk.put(small, at=at(days=7))
    desk.look(at(days=7))
    assert desk.told[pair].reminded_at == at(days=6), "it was told, and lasts"
    # Whether somebody looked while it had ended or not.
    desk.put(replace(small, since=at(days=8)), at=at(days=8))
    assert desk.run(at(days=9)) == []
    assert (desk.told[pair].state, desk.told[pair].reminded_at) == (DIGEST, None)
    assert desk.told[pair].first_told_at == at(days=8, seconds=30)
