"""A desk on which reports come and go: what the notifier keeps between looks, in memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

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
    """What the notifier keeps between looks, in memory; `sent` is what went out, with its moment.

    `storms` is when each channel was told of its last one; tables forget a storm that all have left. `stuck`
    are threads at channels of which something has not arrived.
    """

    route: Route = field(default_factory=route)
    channels: dict[UUID, Channel] = field(default_factory=lambda: dict(CHANNELS))
    hold: Callable[[Subject], datetime | None] = lambda _: None
    subjects: dict[UUID, Subject] = field(default_factory=dict)
    told: dict[Pair, Told] = field(default_factory=dict)
    due: dict[UUID, datetime] = field(default_factory=dict)
    waiting: set[UUID] = field(default_factory=set)
    storms: dict[UUID, datetime] = field(default_factory=dict)
    stuck: set[Pair] = field(default_factory=set)
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
            (mine.channel_id, mine.thread.id) in self.stuck,
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
        for told in decision.told:
            if told.thread.kind == "storm" and told.first_told_at == at:
                self.storms[told.channel_id] = at
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
