"""What is told through random histories: of standings, holds, routes and looks, at random times."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.decide import Decision, decide
from routing.matchers import Target
from routing.routes import Route
from routing.severity import Severity, severity
from routing.standing import (
    DIGEST,
    ENDED,
    LATELY,
    TOLD,
    Channel,
    Lately,
    Look,
    Pair,
    Rest,
    Subject,
    Thread,
    Told,
)
from routing.tells import Tell

BEGAN = datetime(2026, 11, 2, tzinfo=UTC)
PROJECT = UUID(int=7)
ROUTE = UUID(int=1)
TEAM, PAGER, BOSS, PROMETHEUS = (UUID(int=number) for number in (11, 12, 13, 14))
CHANNELS = {
    TEAM: Channel(TEAM, "slack"),
    PAGER: Channel(PAGER, "pagerduty"),
    BOSS: Channel(BOSS, "email"),
    PROMETHEUS: Channel(PROMETHEUS, "alertmanager"),
}
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def route(**said: Any) -> Route:
    return replace(Route(ROUTE, "all", 0, is_default=True, notify=(TEAM,), storm_at=100_000), **said)


def report(number: int = 1, **said: Any) -> Subject:
    subject = Subject(
        *("report", UUID(int=100 + number), PROJECT, Target(PROJECT), Severity.ERROR, "MAJOR"),
        is_open=True,
        since=BEGAN,
        incident_id=UUID(int=200 + number),
    )
    changed = replace(subject, **said)
    target = replace(subject.target, classification=changed.classification)
    loud = severity(changed.classification or "MINOR", "REEXECUTE")
    return replace(changed, target=target, severity=loud)


@dataclass
class Desk:
    """What the notifier keeps between looks, in memory; `sent` is what went out, with its moment."""

    route: Route = field(default_factory=route)
    channels: dict[UUID, Channel] = field(default_factory=lambda: dict(CHANNELS))
    hold: Callable[[Subject], datetime | None] = lambda _: None
    subjects: dict[UUID, Subject] = field(default_factory=dict)
    told: dict[Pair, Told] = field(default_factory=dict)
    due: dict[UUID, datetime] = field(default_factory=dict)
    waiting: set[UUID] = field(default_factory=set)
    storms: dict[UUID, datetime] = field(default_factory=dict)
    sent: list[tuple[datetime, Tell]] = field(default_factory=list)

    def put(self, *subjects: Subject, at: datetime) -> None:
        for subject in subjects:
            self.subjects[subject.id] = subject
            self.due[subject.id] = at
            self.waiting.add(subject.id)

    def again(self, at: datetime) -> None:
        self.due = {subject: min(due, at) for subject, due in self.due.items()}

    def look(self, at: datetime, only: Collection[UUID] | None = None) -> list[Tell]:
        """Look at what is due, or at these, and return what is told."""
        seen = {each for each, due in self.due.items() if due <= at} if only is None else set(only)
        if not seen:
            return []
        if only is None:
            seen |= {each for each in self.waiting & self.due.keys() if self.due[each] <= at + HOUR}
        decision = decide(self._look(at, seen))
        self._note(at, decision)
        assert not decide(self._look(at, seen)).tells, "looking again tells nothing"
        return list(decision.tells)

    def run(self, until: datetime) -> list[Tell]:
        """Look whenever something is due, and return what is told."""
        told: list[Tell] = []
        while (at := min(self.due.values(), default=until)) < until:
            told += self.look(max(at, BEGAN))
        return told

    def _look(self, at: datetime, seen: set[UUID]) -> Look:
        here = {pair: told for pair, told in self.told.items() if pair[1] in seen}
        others = [told for pair, told in self.told.items() if pair[1] not in seen]
        threads = {(told.channel_id, told.thread.id): self._rest(told, others) for told in here.values()}
        return Look(
            *(at, [self.route], self.channels, [self.subjects[each] for each in sorted(seen)], here),
            *(threads, self._joined(), self._lately(at), self.hold),
        )

    def _rest(self, mine: Told, others: Iterable[Told]) -> Rest:
        with_it = [
            each for each in others if (each.channel_id, each.thread) == (mine.channel_id, mine.thread)
        ]
        lasting = [each for each in with_it if each.state == TOLD]
        return Rest(
            len(lasting),
            len([each for each in lasting if not each.acknowledged_told]),
            max((each.last for each in with_it), default=None),
            max((each.refreshed for each in with_it), default=None),
        )

    def _joined(self) -> dict[Pair, Thread]:
        found: dict[Pair, Thread] = {}
        for (channel, subject), told in self.told.items():
            incident = self.subjects[subject].incident_id
            if incident and told.thread.kind == "incident" and told.state in (TOLD, ENDED):
                found[channel, incident] = told.thread
        return found

    def _lately(self, at: datetime) -> dict[UUID, Lately]:
        begun = {
            (told.channel_id, told.thread.id)
            for told in self.told.values()
            if told.thread.kind != "storm" and told.state != DIGEST and told.first_told_at > at - LATELY
        }
        counts = Counter(channel for channel, _ in begun)
        return {each: Lately(counts[each], self.storms.get(each)) for each in self.channels}

    def _note(self, at: datetime, decision: Decision) -> None:
        self.sent += [(at, tell) for tell in decision.tells]
        for tell in decision.tells:
            if tell.thread.kind == "storm" and tell.kind == "storm" and not tell.over:
                self.storms.setdefault(tell.channel_id, at)
        for told in decision.told:
            self.told[told.channel_id, told.subject_id] = told
        for pair, told in self.told.items():
            if (told.channel_id, told.thread.id) in decision.reminded:
                self.told[pair] = replace(told, reminded_at=at)
            if (told.channel_id, told.thread.id) in decision.refreshed:
                self.told[pair] = replace(told, refreshed_at=at)
        for subject, again in decision.again.items():
            self.due[subject] = again or datetime.max.replace(tzinfo=UTC)
        self.waiting = (self.waiting - decision.again.keys()) | decision.waiting
        for subject in decision.forgotten:
            del self.due[subject]


def kinds(tells: Iterable[Tell]) -> list[str]:
    return [tell.kind + (" over" if tell.over and tell.kind != "resolved" else "") for tell in tells]


def at(**after: float) -> datetime:
    return BEGAN + timedelta(**after)


def test_it_is_told_after_the_group_wait_and_when_it_ends() -> None:
    desk = Desk()
    desk.put(report(), at=BEGAN)
    assert desk.look(at(seconds=29)) == []
    assert kinds(desk.look(at(seconds=30))) == ["detected"]
    desk.put(report(is_open=False, since=at(hours=1)), at=at(hours=1))
    assert [(tell.kind, tell.over) for tell in desk.look(at(hours=1))] == [("resolved", True)]
    assert desk.due == {}


def test_what_flaps_within_the_group_wait_is_nothing() -> None:
    desk = Desk()
    desk.put(report(), at=BEGAN)
    desk.look(at(seconds=1))
    desk.put(report(is_open=False), at=at(seconds=20))
    assert desk.run(at(days=9)) == []


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


def test_a_pager_hears_of_an_acknowledgement_when_all_of_the_incident_has_one() -> None:
    incident = UUID(int=300)
    desk = Desk(route(notify=(PAGER,)))
    desk.put(report(1, incident_id=incident), report(2, incident_id=incident), at=BEGAN)
    desk.run(at(minutes=1))
    desk.put(report(1, incident_id=incident, acknowledged=True), at=at(minutes=2))
    assert desk.look(at(minutes=2)) == []
    desk.put(report(2, incident_id=incident, acknowledged=True), at=at(minutes=3))
    assert kinds(desk.look(at(minutes=3))) == ["acknowledged"]


def test_what_opens_again_goes_on_in_its_thread_whatever_its_incident_is_now() -> None:
    desk = Desk()
    desk.put(report(), at=BEGAN)
    (first,) = desk.run(at(minutes=1))
    desk.put(report(is_open=False), at=at(hours=1))
    desk.look(at(hours=1))
    desk.put(report(since=at(hours=2), incident_id=UUID(int=999)), at=at(hours=2))
    assert [(tell.kind, tell.thread) for tell in desk.run(at(hours=3))] == [("detected", first.thread)]


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


def test_a_program_that_forgets_is_told_again_every_five_minutes() -> None:
    desk = Desk(route(notify=(PROMETHEUS,)))
    desk.put(report(), at=BEGAN)
    assert kinds(desk.run(at(minutes=21))) == ["detected"] + ["refresh"] * 4
    desk.put(report(acknowledged=True), at=at(minutes=21))
    assert kinds(desk.run(at(minutes=31))) == ["refresh"] * 2
    desk.put(report(is_open=False), at=at(minutes=31))
    assert kinds(desk.run(at(hours=9))) == ["resolved"]


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


def test_a_notice_is_told_as_one_and_ends() -> None:
    notice = replace(report(), kind="notice", classification=None, incident_id=None)
    desk = Desk()
    desk.put(notice, at=BEGAN)
    assert [(tell.kind, tell.over) for tell in desk.run(at(days=1, hours=1))] == [("notice", False)] * 2
    desk.put(replace(notice, is_open=False), at=at(days=2))
    assert [(tell.kind, tell.over) for tell in desk.look(at(days=2))] == [("notice", True)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from((1, 2, 20, 59, 61, 200, 1500)),
        st.sampled_from(
            (
                "open",
                "end",
                "worse",
                "better",
                "acknowledge",
                "snooze",
                "hold",
                "release",
                "route",
                "off",
                "on",
            )
        ),
        st.integers(0, 2),
    ),
    max_size=12,
)
ROUTES = (
    route(notify=(TEAM,), escalate=(BOSS,), escalate_after=HOUR),
    route(notify=(TEAM, PAGER), group_by="report", group_wait=timedelta(0), repeat_every=6 * HOUR),
    route(notify=(BOSS, PROMETHEUS), cosmetic="at_once", send_resolved=True, repeat_every=None),
)
INCIDENTS = (UUID(int=300), UUID(int=300), UUID(int=301))


class History:
    """A random history; `extra` are minutes at which somebody looks besides, at all there is."""

    def __init__(self, steps: Iterable[tuple[int, str, int]], extra: Collection[int] = ()) -> None:
        self.desk, self.now, self.extra = Desk(ROUTES[0]), BEGAN, sorted(extra)
        self.held: datetime | None = None
        self.desk.hold = self._hold
        self.ends: dict[UUID, list[str]] = {}
        for minutes, step, number in steps:
            self.pass_until(self.now + minutes * MINUTE)
            self._step(step, number)
            self._look()

    def _hold(self, subject: Subject) -> datetime | None:
        snoozed = subject.snoozed_until if subject.is_open else None
        ends = [end for end in (self.held, snoozed) if end and end > self.now]
        return max(ends, default=None)

    def pass_until(self, then: datetime) -> None:
        while True:
            extra = [BEGAN + minutes * MINUTE for minutes in self.extra]
            after = [due for due in (*self.desk.due.values(), *extra) if self.now < due < then]
            if not after:
                break
            self.now = min(after)
            self._look()
            if self.now in extra:
                assert self.desk.look(self.now, self.desk.subjects.keys() & self.desk.due.keys()) == []
        self.now = then

    def _look(self) -> None:
        while any(due <= self.now for due in self.desk.due.values()):
            self.desk.look(self.now)

    def _step(self, step: str, number: int) -> None:
        desk, now = self.desk, self.now
        if step in ("hold", "release"):
            self.held = now + 3 * HOUR if step == "hold" else None
        elif step == "route":
            desk.route = ROUTES[number]
        elif step in ("off", "on"):
            desk.channels[TEAM] = Channel(TEAM, "slack", live=step == "on")
        else:
            self._report(step, number)
            return
        desk.again(now)

    def _report(self, step: str, number: int) -> None:
        known = self.desk.subjects.get(report(number).id)
        if step == "open" and (known is None or not known.is_open):
            new = report(number, since=self.now, incident_id=INCIDENTS[number], classification="MINOR")
            self.desk.put(new, at=self.now)
            return
        if known is None or not known.is_open:
            return
        changes: dict[str, dict[str, Any]] = {
            "end": {"is_open": False},
            "worse": {"classification": "MAJOR", "snoozed_until": None},
            "better": {"classification": "COSMETIC"},
            "acknowledge": {"acknowledged": True},
            "snooze": {"snoozed_until": self.now + 5 * HOUR},
        }
        self.desk.put(replace(known, **changes.get(step, {})), at=self.now)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_no_opening_is_told_twice_and_no_end_without_one(steps: list[tuple[int, str, int]]) -> None:
    desk = History(steps).desk
    threads: dict[tuple[UUID, UUID], str] = {}
    heard: set[tuple[UUID, UUID]] = set()
    for _, tell in desk.sent:
        before = threads.get(tell.key, "untold")
        opening = {(tell.channel_id, subject) for subject in tell.subjects}
        if tell.kind == "detected":
            assert not opening & heard, "told twice"
        if tell.kind in ("resolved", "reminder", "reclassified", "acknowledged", "refresh"):
            assert before == "open", f"{tell.kind} of what is {before}"
        threads[tell.key] = "over" if tell.over else "open"
        if tell.over:
            heard -= {pair for pair in heard if desk.told[pair].thread.id == tell.thread.id}
        else:
            heard |= opening


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_in_the_end_all_know_what_is_open_and_not_held_and_nothing_else(
    steps: list[tuple[int, str, int]],
) -> None:
    history = History(steps)
    history.held = None
    history.desk.channels = dict(CHANNELS)
    history.desk.again(history.now)
    history.pass_until(history.now + DAY)
    history._look()
    desk = history.desk
    open_now = {each.id for each in desk.subjects.values() if each.is_open}
    for channel in desk.route.notify:
        digest = desk.route.cosmetic == "digest"
        knows = {
            subject for (at_, subject), told in desk.told.items() if at_ == channel and told.state != ENDED
        }
        assert knows == open_now | (knows & open_now), (knows, open_now)
        assert digest or all(desk.told[channel, each].state == TOLD for each in open_now)
    # No ledger keeps a key open of which nothing is open.
    state = {tell.key: tell.over for _, tell in desk.sent}
    open_keys = {key for key, over in state.items() if not over}
    lasting = {(told.channel_id, told.thread.id) for told in desk.told.values() if told.state == TOLD}
    assert open_keys == lasting
    assert set(desk.due) == open_now


@settings(max_examples=100, deadline=None)
@given(STEPS, st.sets(st.integers(0, 3000), max_size=20))
def test_looking_more_often_changes_nothing(steps: list[tuple[int, str, int]], extra: set[int]) -> None:
    seldom, often = History(steps).desk, History(steps, extra).desk
    assert often.sent == seldom.sent
    assert often.told == seldom.told
