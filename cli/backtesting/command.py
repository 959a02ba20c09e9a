"""The command: an assumption and telemetry in, the transitions out."""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
import yaml

from cli.backtesting.reading import read
from cli.exits import CommandError
from detectors.assumptions import SHARE, Assumption, ContentError, read_content
from detectors.backtest import Transition
from detectors.backtest import backtest as run
from detectors.sequential import ALARMS_PER_YEAR


class Output(StrEnum):
    """How transitions are printed."""

    TEXT = "text"
    JSON = "json"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r} is no time zone, such as Europe/Berlin") from None


def backtest(
    assumption: Annotated[str, typer.Option(help="JSON or YAML: one entry of content.assumptions.")],
    telemetry: Annotated[str, typer.Option(help="CSV or Parquet of hourly rows.")],
    output: Annotated[Output, typer.Option("--format", help="json: a JSON object a line.")] = Output.TEXT,
    false_alarms_per_year: Annotated[
        float, typer.Option(help="False alarms a year that are accepted of the assumption.")
    ] = ALARMS_PER_YEAR,
    timezone: Annotated[ZoneInfo, typer.Option(parser=_zone, help="Zone of the local days.")] = "UTC",  # type: ignore[assignment]
) -> None:
    """Tell what an assumption would have said of telemetry that is there: its transitions, and when.

    The same fold as in production; nothing is written and nobody is told.
    """
    item = _assumption(assumption)
    histories = read(telemetry, item, timezone)
    try:
        found = run(item, false_alarms_per_year, histories)
    except ValueError as error:
        raise CommandError(str(error)) from None
    if output is Output.JSON:
        sys.stdout.writelines(json.dumps(each.to_json()) + "\n" for each in found)
        return
    _print(found, len(histories.names))


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
    if item.unit == SHARE:
        raise CommandError(f"{path}: a share of users needs who they were: test stored telemetry (--project)")
    return item


def _print(found: Sequence[Transition], series: int) -> None:
    for each in found:
        gap = "" if each.gap is None else f"  {each.gap:+.1%}"
        print(f"{each.to_json()['at']}  {each.event:<8}{each.state:<12}{each.series}{gap}")
    fired = [each for each in found if each.event == "notify"]
    times = "once" if len(fired) == 1 else f"{len(fired)} times"
    on = ", ".join(f"{each.at:%Y-%m-%d}" for each in fired[:10]) + (", ..." if len(fired) > 10 else "")  # noqa: PLR2004
    print(f"{series} series; it would have fired {times}" + (f": {on}" if fired else ""), file=sys.stderr)
