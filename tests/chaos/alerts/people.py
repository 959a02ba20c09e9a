"""People who meanwhile acknowledge, resolve and reopen, as the API's role would for them."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cli.sessions import tenant_sessions
from storage.entities import handling
from storage.entities.edits import Expected
from storage.tenancy import TenantSessions
from tests.chaos.alerts.cast import Team
from tests.streaming import System

_OPEN = text("SELECT id, state, closed_at IS NOT NULL AS closed FROM divergence_report WHERE status = 'OPEN'")
_ANY: Expected = None


class People:
    """The administrators of some teams; `done` counts what they did."""

    def __init__(self, system: System, teams: Sequence[Team], seed: int, pause: float) -> None:
        self._system, self._teams, self._pause = system, teams, pause
        self._random = Random(seed)
        self.done: Counter[str] = Counter()

    async def run(self, over: Callable[[], bool]) -> None:
        """Act now and then until it is over."""
        async with tenant_sessions(self._system.settings) as sessions:
            while not over():
                await self._act(sessions, self._random.choice(self._teams))
                await asyncio.sleep(self._random.uniform(0, 2 * self._pause))

    async def _act(self, sessions: TenantSessions, team: Team) -> None:
        async with sessions.open(team.admin, read_only=True) as session:
            rows = (await session.execute(_OPEN)).all()
        if not rows:
            return
        row: Any = self._random.choice(rows)
        what, change = self._choose(row)
        # What the data have ended meanwhile is refused, and that is no fault.
        with suppress(DBAPIError):
            async with sessions.open(team.admin) as session:
                await handling.handle(session, team.org_id, row.id, _ANY, change)
            self.done[what] += 1

    def _choose(self, row: Any) -> tuple[str, dict[str, object]]:
        if row.closed:
            return "reopened", handling.reopened("it is not gone")
        if row.state == "OPEN" and self._random.random() < 0.6:
            return "acknowledged", handling.acknowledged(yes=True)
        return "resolved", handling.resolved("seen to")
