"""Random histories: of standings, holds, routes and looks, at random times."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from routing.routes import Route
from routing.standing import Channel, Subject
from tests.unit.routing.desk import (
    BEGAN,
    BOSS,
    HOUR,
    MINUTE,
    PAGER,
    PROMETHEUS,
    TEAM,
    Desk,
    report,
    route,
)

Steps = list[tuple[int, str, int]]
"""Minutes that pass, what happens then, and to which of three reports, or to `ALL`."""
ALL = 3
_STEPS = (
    *("open", "end", "worse", "better", "acknowledge", "snooze", "hold", "release"),
    *("route", "off", "on"),
)


def steps(*about: int) -> st.SearchStrategy[Steps]:
    minutes = st.sampled_from((1, 2, 20, 59, 61, 200, 1500))
    return st.lists(st.tuples(minutes, st.sampled_from(_STEPS), st.sampled_from(about)), max_size=12)


STEPS = steps(*range(ALL))
STORMY_STEPS = steps(*range(ALL), ALL, ALL).map(lambda found: [(1, "open", ALL), *found])
ROUTES = (
    route(notify=(TEAM,), escalate=(BOSS,), escalate_after=HOUR),
    route(notify=(TEAM, PAGER), group_by="report", group_wait=timedelta(0), repeat_every=6 * HOUR),
    route(notify=(BOSS, PROMETHEUS), cosmetic="at_once", send_resolved=True, repeat_every=None),
)
STORMY = (
    route(notify=(TEAM, PAGER), storm_at=2, cosmetic="at_once", escalate=(BOSS,), escalate_after=HOUR),
    route(notify=(TEAM, PROMETHEUS), storm_at=3, cosmetic="at_once", group_by="report", repeat_every=HOUR),
    route(notify=(TEAM, BOSS), cosmetic="at_once", group_by="report", group_wait=timedelta(0), storm_at=3),
)
INCIDENTS = (UUID(int=300), UUID(int=300), UUID(int=301))


class History:
    """A random history; `extra` are minutes at which somebody looks besides, at all there is."""

    def __init__(
        self,
        steps: Iterable[tuple[int, str, int]],
        extra: Collection[int] = (),
        routes: Sequence[Route] = ROUTES,
    ) -> None:
        self.desk, self.now, self.extra, self.routes = Desk(routes[0]), BEGAN, sorted(extra), routes
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
            desk.route = self.routes[number % ALL]
        elif step in ("off", "on"):
            desk.channels[TEAM] = Channel(TEAM, "slack", live=step == "on")
        else:
            for each in range(ALL) if number == ALL else (number,):
                self._report(step, each)
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
