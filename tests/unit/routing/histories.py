"""Random histories: of standings, holds, routes and looks, at random times."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

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
