"""The closer: a timer in each worker. One project, one transaction; other workers skip what is locked."""

import json
import logging
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from detectors.local_days import completed, day_start
from storage import answers, batches, closing, outbox, series
from storage.closing import Clock, Closable, HourCell
from storage.ledger import Connection
from storage.outbox import Letter
from streams import figures

log = logging.getLogger(__name__)

TOPIC = "telemetry_closed"
MOST_HOURS = 72
"""Hours merged in one transaction: a backlog is closed in steps that others can see."""
MOST_DAYS = 400
"""Days told in one transaction."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an hour stays open."""

    grace: timedelta
    idle_after: timedelta
    lateness: timedelta


class Closer:
    """Turns partials into Telemetry rows, and tells detection."""

    def __init__(self, pool: asyncpg.Pool, group: str, patience: Patience) -> None:
        self._pool, self._group, self._patience = pool, group, patience

    async def tick(self) -> bool:
        """Close what can be closed; True if anything was, so that there may be more."""
        patience, began = self._patience, time.monotonic()
        async with self._pool.acquire() as connection:
            projects = await closing.closable(
                connection, self._group, patience.grace, patience.idle_after, patience.lateness
            )
            progress = [await self._timed(connection, project, began) for project in projects]
        return any(progress)

    async def _timed(self, connection: Connection, project: Closable, began: float) -> bool:
        closed = await self._close(connection, project)
        if closed:
            figures.CLOSE_SECONDS.observe(time.monotonic() - began)
        return closed

    async def forget(self) -> None:
        """Forget batch ids that are older than any sample that is still counted, and the API's answers."""
        async with self._pool.acquire() as connection:
            await answers.forget(connection)
            try:
                dropped = await batches.forget(connection, self._patience.lateness)
            except asyncpg.LockNotAvailableError:
                log.info("batches of weeks that are over are in use: they are dropped later")
            else:
                log.debug("batches are forgotten: %s", ", ".join(dropped) or "none")

    async def _close(self, connection: Connection, project: Closable) -> bool:
        async with connection.transaction():
            clock = await closing.take_clock(connection, project)
            if clock is None:
                return False
            zone = ZoneInfo(clock.timezone)
            through = max(_at_most(clock, project.through, zone), clock.closed_through)
            rows, old = await _changed(connection, project, clock, through)
            hours = closing.merged(rows)
            if not old and len({each.hour for each in hours}) >= MOST_HOURS:
                # More hours may wait: the clock stops behind the last one that is merged.
                through = max(hours[-1].hour + timedelta(hours=1), clock.closed_through)
            lateness = self._patience.lateness
            await closing.write_telemetry(connection, project, hours, through - lateness)
            await series.note(connection, project, hours)
            await closing.mark_clean(connection, rows)
            await closing.mark_final(connection, project, clock.closed_through - lateness, through - lateness)
            days = list(completed(clock.day_closed_through, through, zone))
            await closing.set_clock(
                connection, project, through, days[-1] if days else clock.day_closed_through
            )
            more = await closing.has_more(connection, project, through)
            await outbox.put(connection, _letters(project, hours, days, clock, more=more))
        figures.HOURS.inc(len({each.hour for each in hours}))
        return bool(hours) or through > clock.closed_through


async def _changed(
    connection: Connection, project: Closable, clock: Clock, through: datetime
) -> tuple[list[asyncpg.Record], bool]:
    """Return what is to be merged, and whether it is of hours that were closed before.

    Those come last: years of history that flow in keep no hour of today open.
    """
    closed = clock.closed_through
    rows = await closing.dirty_partials(connection, project, (closed, through), MOST_HOURS)
    if rows:
        return rows, False
    return await closing.dirty_partials(connection, project, (project.oldest, closed), MOST_HOURS), True


def _at_most(clock: Clock, through: datetime, zone: ZoneInfo) -> datetime:
    """Cut `through` to `MOST_DAYS`: a first sample of long ago has thousands of empty days behind it."""
    return min(through, day_start(clock.day_closed_through + timedelta(days=MOST_DAYS + 1), zone))


def _letters(
    project: Closable, hours: list[HourCell], days: list[date], clock: Clock, *, more: bool
) -> list[Letter]:
    """Return what detection must hear: the hours that changed, and each complete day, empty or not.

    With `more` other closed hours have changed too: detection waits for the letter about these.
    """
    zone = ZoneInfo(clock.timezone)
    bodies = [
        {
            "kind": "day_closed",
            "day": day.isoformat(),
            "ends_at": day_start(day + timedelta(days=1), zone).isoformat(),
        }
        for day in days
    ]
    changed = sorted({each.hour for each in hours})
    if changed:
        bodies.insert(
            0,
            {"kind": "hours_closed", "first": changed[0].isoformat(), "last": changed[-1].isoformat()},
        )
    head = {"org_id": str(project.org_id), "project_id": str(project.project_id), "more": more}
    return [
        Letter(project.org_id, TOPIC, json.dumps(head | body).encode(), str(project.project_id).encode())
        for body in bodies
    ]
