"""What waits in the channels' lanes is sent, each thread in its order, by many relays at once (ADR 0031).

At least once: a message is noted as sent after its receiver has taken it. A lane is leased for longer than a
send may take; what became of it is noted under the lease, and what a relay that lost it knows is not noted.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, NoReturn, TypeVar

import asyncpg

from settings import Settings
from storage import delivering
from storage.channel_secrets import SealedError, opened
from storage.delivering import Fate, Head, Lane, Standing
from storage.tables.channels import CHANNEL_KINDS
from streams import figures, trials
from streams.channels.parcel import Outcome, Parcel
from streams.channels.senders import Senders
from streams.fates import Attempt, Chance, allowed, fates, standing
from streams.listening import pause
from streams.outage import patiently

log = logging.getLogger(__name__)
Result = TypeVar("Result")

LANES = 16
"""Lanes that a relay has at once: each of them may wait for a receiver that hangs."""
COUNT_EVERY = 15.0
LEASE_BEYOND = timedelta(seconds=5)
"""What a lease has beyond the time of a send: to take heads, and to note what became of them."""
TO_NOTE = 2.0
FINISH_SECONDS = 3.0
NOTE_SECONDS = 1.0
TIMED_OUT = Outcome("retry", "it did not answer in time")
_OUTCOMES = {"SENT": "sent", "DEAD": "dead", "PENDING": "retried"}


class Round(NamedTuple):
    """A lane that is ours, its heads that are sent at once, since when and until when (the loop's time)."""

    lane: Lane
    heads: list[Head]
    since: float
    until: float


class Deliveries:
    """Sends what is due; `chance` gives numbers from 0 to below 1."""

    def __init__(
        self, pool: asyncpg.Pool, senders: Senders, settings: Settings, chance: Chance = random.random
    ) -> None:
        self._pool, self._senders, self._settings, self._chance = pool, senders, settings, chance
        self._rounds: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[Outcome]] = set()
        self._failed: asyncio.Task[None] | None = None
        for kind in CHANNEL_KINDS:
            # From nothing to the first is no increase for Prometheus, from 0 it is.
            figures.DELIVERIES.labels(kind, "dead")

    async def run(self, news: asyncio.Event) -> NoReturn:
        """Take lanes as they become due, for ever; `news` says that some may be.

        Raises:
            GaveUpError: PostgreSQL stayed away.
        """
        while True:
            news.clear()
            if self._failed is not None:
                self._failed.result()
            free = LANES - len(self._rounds)
            taken = await self._patiently(partial(self._take, free), "taking lanes") if free else []
            for each in taken:
                self._start(each, news)
            if not taken or len(taken) == free:
                await pause(news)

    async def finish(self) -> None:
        """Let what is on its way come to its end, for a few seconds; what does not is left to its lease."""
        if not self._rounds:
            return
        _, late = await asyncio.wait(self._rounds, timeout=FINISH_SECONDS)
        for sending in self._sending:
            sending.cancel()
        if late:
            await asyncio.wait(late, timeout=NOTE_SECONDS)

    async def count(self) -> NoReturn:
        """Keep the figures of what waits, for ever.

        Raises:
            GaveUpError: PostgreSQL stayed away.
        """
        while True:
            circuits, oldest = await self._patiently(self._waiting, "counting what waits")
            figures.OPEN_CIRCUITS.set(circuits)
            figures.OLDEST_DELIVERY.set(oldest.total_seconds())
            await asyncio.sleep(COUNT_EVERY)

    def _start(self, each: Round, news: asyncio.Event) -> None:
        def end(task: asyncio.Task[None]) -> None:
            self._rounds.discard(task)
            if not task.cancelled() and task.exception() is not None:
                self._failed = task
            news.set()

        task = asyncio.create_task(self._round(each))
        self._rounds.add(task)
        task.add_done_callback(end)

    async def _round(self, each: Round) -> None:
        lane, give_up = each.lane, self._settings.delivery_give_up
        tried = await self._tried(each)
        became = fates(lane, tried, give_up, self._chance)
        stands = standing(lane, tried, len(each.heads), give_up, self._chance())
        note = partial(self._settle, lane, became, stands, release=len(tried) == len(each.heads))
        given_up = await self._patiently(note, "noting what became of deliveries")
        if given_up is None:
            log.warning("the lease of a lane was lost: %d deliveries are sent again", len(tried))
            return
        _tell(lane, stands, given_up)
        seconds = asyncio.get_running_loop().time() - each.since
        for (head, _), fate in zip(tried, became, strict=True):
            figures.DELIVERIES.labels(lane.kind, _OUTCOMES[fate.status]).inc()
            if fate.status == "SENT":
                figures.DELIVERY_SECONDS.observe((lane.at - head.created_at).total_seconds() + seconds)
        figures.DELIVERIES.labels(lane.kind, "dead").inc(given_up)

    async def _tried(self, each: Round) -> list[Attempt]:
        """Send the heads at once; what was broken off by `finish` is not among those returned."""
        if not each.heads:
            return []
        try:
            secrets = opened(self._settings.need("secret_key"), each.lane.sealed)
        except SealedError as error:
            return [(head, Outcome("refused", str(error))) for head in each.heads]
        sending = [asyncio.create_task(self._send(each.lane, secrets, head)) for head in each.heads]
        self._sending.update(sending)
        left = each.until - asyncio.get_running_loop().time()
        _, late = await asyncio.wait(sending, timeout=max(left, 0))
        self._sending.difference_update(sending)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return [
            (head, TIMED_OUT if task in late else task.result())
            for head, task in zip(each.heads, sending, strict=True)
            if task in late or not task.cancelled()
        ]

    async def _take(self, most: int) -> list[Round]:
        lease = self._settings.delivery_timeout + LEASE_BEYOND
        # Counted from before the question: it ends for us before it does for PostgreSQL.
        since = asyncio.get_running_loop().time()
        async with self._pool.acquire() as connection, connection.transaction():
            lanes = await delivering.take(connection, most, lease)
            heads = await delivering.heads(connection, lanes, [allowed(lane) for lane in lanes])
        until = since + lease.total_seconds() - TO_NOTE
        return [Round(lane, found, since, until) for lane, found in zip(lanes, heads, strict=True)]

    async def _send(self, lane: Lane, secrets: Mapping[str, Any], head: Head) -> Outcome:
        try:
            parcel = _parcel(lane, secrets, head, self._settings)
        except ValueError as error:
            return Outcome("refused", f"what to say cannot be made ({type(error).__name__})")
        return await self._senders.send(parcel)

    async def _settle(
        self, lane: Lane, became: Sequence[Fate], stands: Standing, *, release: bool
    ) -> int | None:
        async with self._pool.acquire() as connection:
            return await delivering.settle(connection, lane, became, stands, release=release)

    async def _waiting(self) -> tuple[int, timedelta]:
        async with self._pool.acquire() as connection:
            return await delivering.waiting(connection)

    async def _patiently(self, work: Callable[[], Awaitable[Result]], what: str) -> Result:
        return await patiently(work, self._settings.retry_for, what)


def _parcel(lane: Lane, secrets: Mapping[str, Any], head: Head, settings: Settings) -> Parcel:
    body, headers = head.body, head.headers
    if body is None:
        made = trials.said(lane, head, settings)
        body, headers = made.body, made.headers
    return Parcel(
        head.id,
        lane.org_slug,
        lane.kind,
        lane.channel_id,
        lane.settings,
        secrets,
        head.kind,
        body,
        headers,
        head.created_at,
    )


def _tell(lane: Lane, stands: Standing, given_up: int) -> None:
    """Log what an operator may have to see to; whose channel it is, by ids alone."""
    where = f"channel {lane.channel_id} of {lane.org_slug}"
    if stands.gone:
        log.warning("%s: the receiver wants nothing any more (%s)", where, stands.gone)
    elif stands.open_for:
        log.warning("%s: %d failures in a row, again in %s", where, stands.failures, stands.open_for)
    if given_up:
        log.warning("%s: %d deliveries were given up: %s", where, given_up, stands.why)
