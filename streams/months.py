"""Months of the tables that samples become: made before they are written to, dropped when too old."""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta

import asyncpg

from storage import ledger, partitions
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
        self, pool: asyncpg.Pool, retention: timedelta | None, audit_retention: timedelta | None = None
    ) -> None:
        self._pool = pool
        self._kept = ((SAMPLED, retention), (AUDIT, audit_retention))
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
            for tables, retention in self._kept:
                if retention is not None:
                    await _drop(connection, tables, retention)
            self._made = await partitions.made(connection)


async def kept_since(connection: Connection, retention: timedelta | None) -> datetime:
    """Return the start of the oldest month that is kept, by the database's clock."""
    seconds = retention.total_seconds() if retention is not None else None
    return instant(kept_from((await ledger.now(connection)).timestamp(), seconds))


async def _drop(connection: Connection, tables: Iterable[str], retention: timedelta) -> None:
    before = (await kept_since(connection, retention + MARGIN)).date()
    try:
        while dropped := await partitions.drop(connection, tables, before):
            log.info("dropped %s: older than their retention", ", ".join(dropped))
    except asyncpg.LockNotAvailableError:
        log.info("months before %s are in use: they are dropped later", before)
