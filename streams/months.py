"""Months of the tables that samples become: made before they are written to, dropped when too old."""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta

import asyncpg

from storage import chain, ledger, partitions
from storage.ledger import Connection
from storage.partitions import AUDIT, SAMPLED, month_of
from streams.event_time import instant, kept_from

log = logging.getLogger(__name__)

MARGIN = timedelta(days=1)
"""Samples are refused this long before their month is dropped: no worker's clock is so wrong."""


class MonthsMissingError(Exception):
    """Samples are of months that have no place in the tables yet."""

    def __init__(self, months: set[date]) -> None:
        super().__init__(", ".join(map(str, sorted(months))))
        self.months = months


class Months:
    """What this worker knows of the months that are there."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        retention: timedelta | None,
        audit_retention: timedelta | None = None,
        secret: str = "",
    ) -> None:
        self._pool = pool
        self._retention, self._audit_retention = retention, audit_retention
        self._secret = secret
        self._made: set[date] = set()

    def need(self, hours: Iterable[int]) -> None:
        """Check that rows of these hours (epoch seconds) have a place.

        Raises:
            MonthsMissingError: not all of them have, as far as this worker knows.
        """
        missing = {month_of(hour) for hour in hours} - self._made
        if missing:
            raise MonthsMissingError(missing)

    async def make(self, months: set[date]) -> None:
        """Make months, in transactions of their own."""
        async with self._pool.acquire() as connection:
            await partitions.make(connection, months)
        self._made |= months
        log.info("made a place for samples of %s", ", ".join(f"{month:%Y-%m}" for month in sorted(months)))

    async def keep(self) -> None:
        """Make the months ahead, and drop those that the retention has passed."""
        async with self._pool.acquire() as connection:
            await partitions.make_ahead(connection)
            if self._retention is not None:
                await _drop(connection, SAMPLED, await _border(connection, self._retention))
            if self._audit_retention is not None:
                before = await _border(connection, self._audit_retention)
                await _drop_audit(connection, before, self._secret)
            self._made = await partitions.made(connection)


async def kept_since(connection: Connection, retention: timedelta | None) -> datetime:
    """Return the start of the oldest month that is kept, by the database's clock."""
    seconds = retention.total_seconds() if retention is not None else None
    return instant(kept_from((await ledger.now(connection)).timestamp(), seconds))


async def _border(connection: Connection, retention: timedelta) -> datetime:
    """Return the start of the oldest month that stays."""
    return await kept_since(connection, retention + MARGIN)


async def _drop_audit(connection: Connection, before: datetime, secret: str) -> None:
    """Drop months of the log: first is signed what each chain comes to there, last go their links."""
    if await partitions.are_older(connection, *AUDIT, before.date()):
        now = await ledger.now(connection)
        signed = await chain.checkpoint(connection, secret, before, now)
        log.info("signed what %d chains of the audit log come to before %s", signed, before.date())
    await _drop(connection, AUDIT, before)
    await chain.drop_links(connection)


async def _drop(connection: Connection, tables: Iterable[str], border: datetime) -> None:
    before = border.date()
    try:
        while dropped := await partitions.drop(connection, tables, before):
            log.info("dropped %s: older than their retention", ", ".join(dropped))
    except asyncpg.LockNotAvailableError:
        log.info("months before %s are in use: they are dropped later", before)
