"""How far the pipeline is: hours from the API, days from what the detector remembers."""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

import asyncpg
import httpx

from cli.demo.companies import Company
from cli.demo.planted import PLANTED
from cli.demo.processes import Check
from cli.demo.simulation import DAYS, HOURS
from cli.exits import CommandError

POLL_SECONDS = 0.4
PATIENCE_SECONDS = 60.0
"""So long nothing may move before the demo gives up."""


class Progress(NamedTuple):
    """Project-hours aggregated and assumption-days detected."""

    hours: int = 0
    days: int = 0


async def until_ready(api: httpx.AsyncClient, check: Check) -> None:
    """Wait until the API says that it and its database are there.

    Raises:
        CommandError: it is not, in time.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    said = "nothing"
    while time.monotonic() < deadline:
        check()
        try:
            response = await api.get("/readyz")
        except httpx.TransportError as error:
            said = str(error)
        else:
            if response.is_success:
                return
            said = response.text
        await asyncio.sleep(0.1)
    raise CommandError(f"the API is not ready after {PATIENCE_SECONDS:.0f} s: {said}")


async def until_detected(
    api: httpx.AsyncClient,
    database_url: str,
    companies: Iterable[Company],
    start: datetime,
    told: Callable[[Progress], None],
    check: Check,
) -> None:
    """Wait until every assumption has been folded through the last simulated day.

    Raises:
        CommandError: a service ended, or nothing moved for a minute.
    """
    companies = list(companies)
    last, moved = Progress(), time.monotonic()
    connection = await asyncpg.connect(database_url)
    try:
        while last.days < DAYS * len(PLANTED):
            check()
            try:
                now = Progress(await _hours(api, companies, start), await _days(connection, start.date()))
            except httpx.TransportError:
                now = last  # the next check says why, or the patience ends
            if now != last:
                last, moved = now, time.monotonic()
                told(now)
            elif time.monotonic() - moved > PATIENCE_SECONDS:
                raise CommandError(f"nothing has moved for {PATIENCE_SECONDS:.0f} s: {now}")
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await connection.close()
    told(Progress(HOURS * sum(len(company.projects) for company in companies), last.days))


async def _hours(api: httpx.AsyncClient, companies: Iterable[Company], start: datetime) -> int:
    """The newest row of each project: hours close in order."""
    hours = 0
    for company in companies:
        for project_id in company.projects.values():
            response = await api.get(
                f"/v1/projects/{project_id}/telemetry",
                params={"limit": 1},
                headers={"authorization": f"Bearer {company.token}"},
            )
            response.raise_for_status()
            for row in response.json()["items"]:
                newest = datetime.fromisoformat(row["timestamp"])
                hours += (newest - start) // timedelta(hours=1) + 1
    return hours


async def _days(connection: "asyncpg.Connection[asyncpg.Record]", first: date) -> int:
    # No route says it: what the detector remembers of an assumption is its own affair.
    days: int | None = await connection.fetchval(
        "SELECT sum(folded_through - $1::date + 1) FROM detector_state", first
    )
    return days or 0
