"""`augentis routes list | test`: which alerts go where, and where one report would go (docs/routing.md)."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from api.schemas.routes import AlertRoute, ReportRouting, RouteVerdict
from cli.acting import Org, acting
from cli.exits import AnswerIsNo, CommandError
from routing.explaining import Channel, Outcome
from routing.spans import spelt
from storage.reading import routes as reading
from storage.reading.pages import Slice
from streams.alerting.inert import clean

MOST = 200
"""Routes of an organisation at most."""
_LONGEST = 500
_EVERYTHING = "all that no other route is about"
_SAID = {
    Outcome.AT_ONCE: "somebody would be told",
    Outcome.DIGEST: "it would wait for the weekly digest",
    Outcome.HELD: "somebody would be told, later",
    Outcome.SNOOZED: "somebody would be told, later",
    Outcome.ENDED: "somebody would be told if it opened again",
    Outcome.SILENT: "nobody is told of it: it is silent",
    Outcome.NOBODY: "nobody would be told",
}

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Routes of alerts: list them, test where a report would go.",
)


@app.command("list")
async def list_(*, org: Org, json_: AsJson = False) -> None:
    """List an organisation's routes, in the order in which they are asked."""
    async with acting(org, read_only=True) as (session, claims):
        part = Slice(reading.ORDERS["position"], falling=False, after=None, limit=MOST)
        rows = await reading.listed(session, claims.org_id, part)
        channels = await reading.channels(session, claims.org_id)
    items = [AlertRoute.model_validate(row) for row in rows]
    if json_:
        print(json.dumps({"items": [item.model_dump(mode="json") for item in items]}))
        return
    for route in items:
        print("\n".join(_route(route, channels.get(route.id, ()))))


@app.command("test")
async def would_go(
    report: Annotated[UUID, typer.Argument(help="Id of a divergence report.")],
    *,
    org: Org,
    json_: AsJson = False,
) -> None:
    """Say where an alert about a stored report would go now, and why; nothing is sent.

    Each route says whether it takes the report, or why not. Where nobody would be told the answer is no (exit
    code 1), with what to do about it.
    """
    now = datetime.now(UTC)
    async with acting(org, read_only=True) as (session, claims):
        found = await reading.routed(session, claims.org_id, report, now)
    if found is None:
        raise CommandError(f"the organisation has no report {str(report)!r}")
    shown = ReportRouting.of(report, now, found)
    print(shown.model_dump_json() if json_ else "\n".join(_lines(shown)))
    if not shown.somebody:
        raise AnswerIsNo(_SAID[shown.outcome])


def _lines(shown: ReportRouting) -> Iterator[str]:
    yield f"{shown.classification} ({shown.severity}), {shown.state}: {_SAID[shown.outcome]}"
    yield from (_clean(line) for line in shown.why)
    for verdict in shown.routes:
        yield from _verdict(verdict)


def _verdict(verdict: RouteVerdict) -> Iterator[str]:
    told = [
        channel for channel in verdict.channels if channel.role == "notify" and not channel.disabled_reason
    ]
    names = ", ".join(f"{channel.kind} {_clean(channel.name)}" for channel in told)
    does = {"at_once": f"tells {names}", "digest": f"tells {names}, weekly", "nobody": "tells nobody"}
    what = does[verdict.tells] if verdict.matched else "passed by"
    yield f"{_place(verdict)}  {_clean(verdict.name)}: {what}"
    yield from (f"        {_clean(line)}" for line in verdict.why)


def _place(route: RouteVerdict | AlertRoute) -> str:
    return f"{'last' if route.is_default else route.position:>6}"


def _route(route: AlertRoute, channels: Sequence[Channel]) -> Iterator[str]:
    more = "; later routes are asked as well" if route.continues else ""
    yield f"{_place(route)}  {_clean(route.name)}: {_clean(_about(route))}{more}"
    named = [channel for channel in channels if channel.role == "notify"]
    yield f"        tells {_names(named) or 'nobody'}; COSMETIC: {route.cosmetic}"
    others = [channel for channel in channels if channel.role == "escalate"]
    if others and route.escalate_after:
        yield f"        after {spelt(route.escalate_after)} unacknowledged: {_names(others)}"


def _names(channels: Sequence[Channel]) -> str:
    return ", ".join(
        f"{channel.kind} {_clean(channel.name)}{' (disabled)' if channel.disabled else ''}"
        for channel in channels
    )


def _about(route: AlertRoute) -> str:
    if route.is_default:
        return _EVERYTHING
    listed = route.matchers.model_dump(mode="json", exclude_defaults=True)
    return "; ".join(f"{name} {', '.join(values)}" for name, values in listed.items()) or "all reports"


def _clean(text: str) -> str:
    return clean(text, _LONGEST)
