"""`augentis costs`: what agents cost, as it was rolled up (docs/costs.md)."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy import Row

from api.schemas.costs import Cost, CostSums
from cli.acting import Org, acting, the_project
from storage.reading import costs as reading
from storage.reading.costs import By, Wanted
from storage.reading.pages import Slice
from storage.tables.costs import PERIODS

MOST = 10_000
"""Lines at most: more are asked of the API, page by page."""
_DAYS = ["%Y-%m-%d"]


def _period(named: str) -> str:
    if named not in PERIODS:
        raise typer.BadParameter(f"one of {', '.join(PERIODS)}")
    return named


async def costs(
    *,
    org: Org,
    by: Annotated[By, typer.Option(help="Of what the costs are added up.")] = By.ORGANIZATION,
    period: Annotated[str, typer.Option(help="daily, weekly or monthly.", callback=_period)] = "monthly",
    since: Annotated[
        datetime | None, typer.Option(help="Periods that begin on this day or later.", formats=_DAYS)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Periods that begin before this day.", formats=_DAYS)
    ] = None,
    project: Annotated[str | None, typer.Option(help="Name or id of a project: its costs alone.")] = None,
    models: Annotated[bool, typer.Option("--models", help="A line for each model.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show what an organisation's agents cost, the newest period first, in US dollars.

    Days are those of the organisation's time zone. A worker rolls costs up about once a minute; the last line
    says whether some are still to come.
    """
    async with acting(org, read_only=True) as (session, claims):
        project_id = (await the_project(session, claims, project)).id if project else None
        wanted = Wanted(by, period, since and since.date(), until and until.date(), project_id, models)
        pending = await reading.pending_since(session, claims.org_id, project_id)
        part = Slice(reading.ORDERS["period_start"], falling=True, after=None, limit=MOST - 1)
        rows = await reading.listed(session, claims.org_id, wanted, part)
        totals = await reading.totals(session, claims.org_id, wanted)
    _print(rows, totals, pending, as_json=json_)


def _print(rows: Sequence[Row[Any]], totals: Row[Any], pending: datetime | None, *, as_json: bool) -> None:
    items = [Cost.model_validate(row) for row in rows]
    if as_json:
        print(
            json.dumps(
                {
                    "items": [item.model_dump(mode="json") for item in items],
                    "totals": CostSums.model_validate(totals).model_dump(mode="json"),
                    "pending_since": pending.isoformat() if pending else None,
                }
            )
        )
        return
    for item in items:
        key = " ".join(part for part in (item.key, item.model) if part)
        print(f"{item.period_start}  {key:50}  {_sums(item)}")
    print(f"{'total':62}  {_sums(CostSums.model_validate(totals))}")
    if pending:
        print(f"not in yet: what was recorded since {pending:%Y-%m-%d %H:%M:%S} UTC (is a worker running?)")


def _sums(sums: CostSums) -> str:
    return f"{sums.cost_usd:>24} USD  {sums.tokens_used:>14} tokens  {sums.executions:>9} executions"
