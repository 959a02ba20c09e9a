"""`augentis deliveries list | replay`: what is sent to channels, and what was given up (docs/delivery.md)."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from api.schemas import AlertDelivery
from cli.acting import Org, acting
from cli.exits import AnswerIsNo, CommandError
from cli.moments import moment
from cli.progress import Reading, shown
from storage.database import refusal
from storage.entities import deliveries as writing
from storage.reading import channels, deliveries
from storage.reading.deliveries import Wanted
from storage.reading.pages import Slice
from storage.tables.deliveries import DELIVERY_STATUSES
from storage.tenancy import Claims
from streams.alerting.inert import clean

AT_ONCE = 200
_COLUMNS = ("created_at", "status", "kind", "attempts", "channel_id", "report_id", "id", "last_error")
_LONGEST = 200

Channel = Annotated[str | None, typer.Option(help="Deliveries to this channel: its id, or its name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Alerts on their way to channels: list them, send again what was given up.",
)


@dataclass
class Tally:
    """How far a replay has come."""

    total: int = 0
    done: int = 0

    def look(self) -> Reading:
        """Return it for people to read."""
        return Reading(self.done, self.total, f"{self.done} of {self.total} sent again")


@app.command("list")
async def list_(
    *,
    org: Org,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(DELIVERY_STATUSES)}.")] = None,
    channel: Channel = None,
    report: Annotated[UUID | None, typer.Option(help="Deliveries about this report.")] = None,
    since: Annotated[str | None, typer.Option(help="Made since then (2026-11-01T10:00:00Z).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    json_: AsJson = False,
) -> None:
    """List deliveries, newest first: to which channel, what became of them, and why not.

    Without what they say: that is between you and the receiver.
    """
    if status is not None and status not in DELIVERY_STATUSES:
        raise typer.BadParameter(f"--status: one of {', '.join(DELIVERY_STATUSES)}")
    at = moment(since) if since else None
    async with acting(org, read_only=True) as (session, claims):
        channel_id = await _channel(session, claims, channel) if channel else None
        wanted = Wanted(status, channel_id, report, at)
        rows = await deliveries.listed(session, claims.org_id, wanted, _part(limit, falling=True))
    _print([AlertDelivery.model_validate(row) for row in rows[:limit]], as_json=json_)


@app.command()
async def replay(
    delivery: Annotated[
        list[UUID] | None, typer.Argument(help="Ids of deliveries that were given up.")
    ] = None,
    *,
    org: Org,
    channel: Channel = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent again.")] = False,
    json_: AsJson = False,
) -> None:
    """Send deliveries again that were given up: those named, or with `--channel` all of that channel.

    They go under the ids that they had, oldest first, before what waits in their threads. Killed and run
    again, it goes on with what is left.
    """
    if bool(delivery) == bool(channel):
        raise typer.BadParameter("name deliveries, or with --channel a channel of which all are meant")
    tally = Tally()
    async with shown(tally.look):
        if channel:
            await _all_of(org, channel, tally, dry_run=dry_run)
        else:
            await _those(org, delivery or [], tally, dry_run=dry_run)
    if json_:
        print(json.dumps({"found": tally.total, "replayed": tally.done, "dry_run": dry_run}))
    else:
        print(f"{tally.total} would be sent again" if dry_run else tally.look().words)


async def _those(org: str, ids: Sequence[UUID], tally: Tally, *, dry_run: bool) -> None:
    async with _refusals(), acting(org, read_only=dry_run) as (session, claims):
        for delivery_id in ids:
            found = await deliveries.one(session, claims.org_id, delivery_id)
            if found is None or found.status != "DEAD":
                how = "there is no such delivery" if found is None else f"it is {found.status}, not DEAD"
                raise AnswerIsNo(f"{delivery_id}: {how}; nothing was sent again")
            tally.total += 1
            if not dry_run:
                await writing.replay(session, delivery_id)
    tally.done = 0 if dry_run else tally.total


async def _all_of(org: str, channel: str, tally: Tally, *, dry_run: bool) -> None:
    async with acting(org, read_only=True) as (session, claims):
        channel_id = await _channel(session, claims, channel)
        tally.total = await deliveries.count(session, claims.org_id, "DEAD", channel_id)
    left = 0 if dry_run else tally.total
    while left > 0:
        async with _refusals(), acting(org) as (session, claims):
            wanted = Wanted("DEAD", channel_id)
            rows = await deliveries.listed(session, claims.org_id, wanted, _part(AT_ONCE, falling=False))
            for row in rows[:left]:
                await writing.replay(session, row.id)
        tally.done += len(rows[:left])
        left = left - len(rows) if rows else 0


@asynccontextmanager
async def _refusals() -> AsyncIterator[None]:
    """Say what the database refused, and why."""
    try:
        yield
    except DBAPIError as error:
        refused = refusal(error)
        if refused is None or not refused.sqlstate.startswith("AG"):
            raise
        raise AnswerIsNo(refused.message) from error


async def _channel(session: AsyncSession, claims: Claims, named: str) -> UUID:
    try:
        return UUID(named)
    except ValueError:
        part = Slice(channels.ORDERS["name"], falling=False, after=None, limit=AT_ONCE)
        for row in await channels.listed(session, claims.org_id, channels.Wanted(), part):
            if row.name.lower() == named.lower():
                return row.id
    raise CommandError(f"the organisation has no channel {named!r}")


def _part(limit: int, *, falling: bool) -> Slice:
    return Slice(deliveries.ORDERS["created_at"], falling=falling, after=None, limit=limit)


def _print(items: Sequence[AlertDelivery], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"items": [item.model_dump(mode="json") for item in items]}))
        return
    lines = [_COLUMNS, *(tuple(_word(getattr(item, name)) for name in _COLUMNS) for item in items)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    for line in lines:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def _word(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return "-" if value is None else clean(str(value), _LONGEST)
