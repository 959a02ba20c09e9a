"""`augentis alert told`: which channels know of a report (docs/alerts.md)."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from api.schemas import ToldChannel
from cli.acting import Org, acting
from cli.exits import AnswerIsNo, CommandError
from storage.reading import reports, told
from storage.reading.pages import Slice
from streams.alerting.inert import clean

MOST = 10_000
_LONGEST = 100
_HOW = {
    "subject": "by itself",
    "incident": "with its incident",
    "storm": "in a storm",
    "digest": "in the weekly digest",
}


async def who_knows(
    report: Annotated[UUID, typer.Argument(help="Id of a divergence report.")],
    *,
    org: Org,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say which channels know of a stored report, and how they were told; who was told first is first.

    Where nobody knows of it the answer is no (exit code 1). Whether messages have arrived
    `augentis deliveries list` says.
    """
    part = Slice(told.ORDERS["first_told_at"], falling=False, after=None, limit=MOST)
    async with acting(org, read_only=True) as (session, claims):
        if await reports.bare(session, claims.org_id, report) is None:
            raise CommandError(f"the organisation has no report {str(report)!r}")
        rows = await told.listed(session, claims.org_id, report, part)
    items = [ToldChannel.model_validate(row) for row in rows]
    if json_:
        print(json.dumps({"items": [item.model_dump(mode="json") for item in items]}))
    else:
        print("\n".join(line(item) for item in items), end="\n" if items else "")
    if all(item.told_at is None for item in items):
        raise AnswerIsNo(f"nobody was told of it: `augentis routes test {report} --org {org}` says why")


def line(item: ToldChannel) -> str:
    """Return what a channel knows, in words."""
    return f"{item.channel_kind} {clean(item.channel_name, _LONGEST)}: {', '.join(_said(item))}"


def _said(item: ToldChannel) -> Iterator[str]:
    if item.told_at is None:
        yield "waits for the weekly digest"
        return
    yield f"told {_HOW[item.thread_kind]} at {_at(item.told_at)} as {item.classification}"
    if item.first_told_at and item.first_told_at < item.told_at:
        yield f"first at {_at(item.first_told_at)}"
    if item.escalated_at:
        yield "since nobody had acknowledged it"
    if item.reminded_at:
        yield f"reminded at {_at(item.reminded_at)}"
    if item.state == "ENDED":
        yield "over as far as it knows"


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
