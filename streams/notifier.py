"""The notifier: looks at what is due, decides what is told, and writes what is to be delivered (ADR 0030).

A look is one transaction: it locks what is due of an organisation, reads how that stands and what each
channel was told, and writes deliveries, what was told, and when to look again. So being killed anywhere tells
nothing twice, and loses nothing. Many relays share the work, an organisation each.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

import asyncpg

from routing.decide import decide
from routing.holding import holding
from routing.routes import Route
from routing.standing import Look
from settings import Settings
from storage import alert_standing, alerting, deliveries, turns
from storage.alert_standing import Receiver
from storage.alerting import Due
from storage.calm import calm
from storage.ledger import Connection
from storage.routing import routes
from streams import figures
from streams.alerting import notice
from streams.listening import repeat
from streams.messages import Messages
from streams.outage import PASSING

log = logging.getLogger(__name__)

BATCH = 200
PICTURED = 25
"""The same where an e-mail is a channel: drawing takes its time, and whoever changes a report waits."""
STORM = 10_000
"""Subjects of a storm that are told of in one message at most."""
PUT_OFF = timedelta(minutes=5)
"""What cannot be told is tried again so much later."""


class Notifier:
    """Looks at organisations in turn, the one that has waited longest first."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings) -> None:
        self._pool, self._settings = pool, settings
        self._seen: set[UUID] = set()
        self._worked = False
        self._careful: set[UUID] = set()

    async def run(self, news: asyncio.Event) -> NoReturn:
        """Look whenever there is news, and now and then; for ever.

        Raises:
            GaveUpError: PostgreSQL stayed away.
        """
        await repeat(self.look, news, self._settings.retry_for, "deciding what is told")

    async def look(self) -> int:
        """Look at some of what is due of one organisation; return 0 where nothing is left to do."""
        async with self._pool.acquire() as connection:
            now = await connection.fetchval("SELECT clock_timestamp()")
            org_id = await alerting.next_organization(connection, now, self._seen)
            if org_id is None:
                # A round is over: if something was done in it there may be more to do.
                worked, self._worked = self._worked, False
                self._seen.clear()
                return int(worked)
            self._worked |= await self._look_at(connection, org_id)
            self._seen.add(org_id)
            return 1

    async def _look_at(self, connection: Connection, org_id: UUID) -> bool:
        """Look at an organisation, at one subject once something has failed; return whether it was ours."""
        careful = org_id in self._careful
        try:
            async with connection.transaction():
                looking = _Looking(connection, org_id, self._settings)
                seen = await looking.look(1 if careful else BATCH)
        except (*PASSING, asyncio.CancelledError):
            raise
        except Exception:
            # What cannot be told of one thing keeps nobody from hearing of others.
            log.exception("organization %s: deciding what is told failed", org_id)
            if not careful:
                self._careful.add(org_id)
                return True
            await _put_off(connection, org_id, looking.due)
            return bool(looking.due)
        if not seen:
            self._careful.discard(org_id)
        return seen > 0


async def _put_off(connection: Connection, org_id: UUID, due: Sequence[Due]) -> None:
    async with connection.transaction():
        now = await connection.fetchval("SELECT clock_timestamp()")
        for each in due:
            await alerting.put_off(connection, org_id, each.id, now + PUT_OFF)


class _Looking:
    """One look, inside a transaction."""

    def __init__(self, connection: Connection, org_id: UUID, settings: Settings) -> None:
        self._connection, self._org_id, self._settings = connection, org_id, settings
        self.due: list[Due] = []

    async def look(self, most: int) -> int:
        """Tell what is to be told of at most so many, and return how many were looked at."""
        connection, org_id = self._connection, self._org_id
        if not await turns.taken(connection, f"alerts of {org_id}"):
            return 0
        receivers = await alert_standing.receivers(connection, org_id)
        if any(each.channel.kind == "email" and each.channel.live for each in receivers.values()):
            most = min(most, PICTURED)
        at: datetime = await connection.fetchval("SELECT clock_timestamp()")
        self.due = await alerting.claim(connection, org_id, at, most)
        if any(each.kind == "organization" for each in self.due):
            await alerting.sweep(connection, org_id, at)
            self.due = [each for each in self.due if each.kind != "organization"]
            return 1
        for each in self.due:
            figures.DECIDED.observe((at - each.due_at).total_seconds())
        if self.due:
            await self._decide(at, receivers, most)
        return len(self.due)

    async def _decide(self, at: datetime, receivers: dict[UUID, Receiver], most: int) -> None:
        connection, org_id = self._connection, self._org_id
        told_by = await routes(connection, org_id)
        due = self.due
        if most > 1:
            least = min((route.storm_at for route in told_by), default=STORM)
            due = [*due, *await alerting.claim_storm(connection, org_id, at, due, least, STORM)]
            due = [*due, *await alerting.claim_incidents(connection, org_id, at, due, STORM)]
            if len(self.due) == most:
                due = [*due, *await alerting.claim_worse(connection, org_id, at, due, least, STORM)]
        look = await self._read(at, due, told_by, receivers)
        # Of thousands it takes seconds: others go on sending meanwhile.
        decision = await asyncio.to_thread(decide, look)
        there = {subject.id for subject in look.subjects}
        await alerting.forget(connection, org_id, [each.id for each in due if each.id not in there])
        await alerting.note(connection, org_id, decision, at)
        if decision.tells:
            messages = Messages(connection, org_id, look, receivers)
            await deliveries.put(connection, await messages.made(decision.tells, self._settings))
        for tell in decision.tells:
            figures.TOLD.labels(tell.kind).inc()

    async def _read(
        self, at: datetime, due: Sequence[Due], told_by: Sequence[Route], receivers: dict[UUID, Receiver]
    ) -> Look:
        connection, org_id = self._connection, self._org_id
        subjects = await alert_standing.subjects(connection, org_id, due, notice.severity)
        told = await alert_standing.told(connection, org_id, subjects)
        silences, windows = await calm(connection, org_id, at)
        return Look(
            at,
            told_by,
            {channel: receiver.channel for channel, receiver in receivers.items()},
            subjects,
            told,
            await alert_standing.threads(connection, org_id, told.values()) if told else {},
            await alert_standing.joined(connection, org_id, subjects),
            await alert_standing.lately(connection, org_id, at),
            holding(silences, windows, at),
        )
