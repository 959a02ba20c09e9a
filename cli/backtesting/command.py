"""The command: an assumption and telemetry in, the transitions out."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
import yaml

from cli.acting import acting, the_project
from cli.backtesting.reading import read
from cli.exits import CommandError
from cli.moments import moment
from detectors.assumptions import SHARE, Assumption, ContentError, read_content
from detectors.backtest import Outcome, Transition, backtest_rows
from detectors.backtest import backtest as run
from detectors.sequential import ALARMS_PER_YEAR
from storage.reading import past
from storage.reading.past import Tried


class Output(StrEnum):
    """How transitions are printed."""

    TEXT = "text"
    JSON = "json"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r} is no time zone, such as Europe/Berlin") from None


async def backtest(
    assumption: Annotated[str, typer.Option(help="JSON or YAML: one entry of content.assumptions.")],
    telemetry: Annotated[str | None, typer.Option(help="CSV or Parquet of hourly rows.")] = None,
    *,
    org: Annotated[str | None, typer.Option(help="With --project: slug or id of its organisation.")] = None,
    project: Annotated[
        str | None, typer.Option(help="Name or id of a project, in place of --telemetry.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=moment, help="With --project: from when on (a year before now).")
    ] = None,
    output: Annotated[Output, typer.Option("--format", help="json: a JSON object a line.")] = Output.TEXT,
    false_alarms_per_year: Annotated[
        float, typer.Option(help="False alarms a year that are accepted of the assumption.")
    ] = ALARMS_PER_YEAR,
    timezone: Annotated[
        ZoneInfo | None, typer.Option(parser=_zone, help="With --telemetry: zone of the local days (UTC).")
    ] = None,
) -> None:
    """Tell what an assumption would have said of telemetry that is there: its transitions, and when.

    The same fold as in production; nothing is written and nobody is told.
    """
    _refuse_mixed(telemetry, {"--project": project, "--org": org, "--since": since}, timezone)
    item = _assumption(assumption)
    try:
        if telemetry:
            if item.unit == SHARE:
                raise CommandError(
                    f"{assumption}: a share of users needs who they were: test stored telemetry (--project)"
                )
            histories = read(telemetry, item, timezone or ZoneInfo("UTC"))
            found: Sequence[Transition] = run(item, false_alarms_per_year, histories)
        else:
            found = (await _stored(org or "", project or "", item, since, false_alarms_per_year)).transitions
    except ValueError as error:
        raise CommandError(str(error)) from None
    if output is Output.JSON:
        sys.stdout.writelines(json.dumps(each.to_json()) + "\n" for each in found)
    else:
        _print(found)


def _refuse_mixed(telemetry: str | None, stored: Mapping[str, object], timezone: ZoneInfo | None) -> None:
    given = [name for name, value in stored.items() if value is not None]
    if telemetry and given:
        raise typer.BadParameter(f"--telemetry and {given[0]} exclude each other")
    if not telemetry and not (stored["--project"] and stored["--org"]):
        raise typer.BadParameter("name a file (--telemetry), or --project with its --org")
    if not telemetry and timezone:
        raise typer.BadParameter("--timezone: a project's days are its organisation's")


async def _stored(
    org: str, project: str, item: Assumption, since: datetime | None, alarms_per_year: float
) -> Outcome:
    now = datetime.now(UTC)
    async with acting(org, read_only=True) as (session, claims):
        its = await the_project(session, claims, project)
        tried = Tried(claims.org_id, its.id, item)
        rows, excluded = await past.hours(session, tried, since or now - timedelta(days=365), now)
    return backtest_rows(item, alarms_per_year, rows, excluded)


def _assumption(path: str) -> Assumption:
    try:
        data: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is neither JSON nor YAML: {str(error).splitlines()[0]}") from None
    try:
        (item,) = read_content({"assumptions": [data]}).assumptions
    except ContentError as error:
        raise CommandError(f"{path}: {str(error).replace('assumptions[0]', 'assumption')}") from None
    return item


def _print(found: Sequence[Transition]) -> None:
    for each in found:
        gap = "" if each.gap is None else f"  {each.gap:+.1%}"
        print(f"{each.to_json()['at']}  {each.event:<8}{each.state:<12}{each.series}{gap}")
    fired = [each for each in found if each.event == "notify"]
    times = "once" if len(fired) == 1 else f"{len(fired)} times"
    on = ", ".join(f"{each.at:%Y-%m-%d}" for each in fired[:10]) + (", ..." if len(fired) > 10 else "")  # noqa: PLR2004
    print(f"it would have fired {times}" + (f": {on}" if fired else ""), file=sys.stderr)
