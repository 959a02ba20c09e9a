"""`augentis otlp preview`: what the data points of an OTLP export become, or why not, before any is sent."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
import yaml

import settings
from cli.exits import CommandError, Exit
from metrics import otlp_rules
from metrics.otlp_rules import Rules, RulesError
from storage import mappings
from storage.database import connection
from streams.otlp.decoding import decode
from streams.otlp.judging import Judged, judge
from streams.otlp.mapping import Route, compile  # noqa: A004  # re.compile's sense of the word
from streams.otlp.requests import Stream, attributes
from streams.wire import Reason, Refused

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="OpenTelemetry's metrics: preview.",
)


@app.callback()
def otlp() -> None:
    """Say what OTLP data points become."""


@app.command()
async def preview(
    file: Annotated[
        str, typer.Argument(help="An export, protobuf or JSON, or one JSON export a line; -: stdin.")
    ],
    project: Annotated[UUID | None, typer.Option(help="Id of the project whose mapping holds.")] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="JSON or YAML file of a mapping to try; by default the defaults alone."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say of each data point which of our metrics it becomes, or why it does not. Nothing is sent.

    Exit code 1 if a point would be refused, or none would count. Whether a point is too late, or of one
    series too many, is known to the worker alone.
    """
    if project is not None and mapping is not None:
        raise typer.BadParameter("--project and --mapping exclude each other")
    rules = compile(_rules_in(mapping) if mapping else await _rules_of(project) if project else Rules())
    judged = [each for streams in _exports(_read(file)) for each in judge(streams, rules)]
    told = [_told(each) for each in judged]
    if as_json:
        print(json.dumps(told))
    else:
        for each in told:
            print(_line(each))
    wrong = any(each.fault for each in judged) or not any(each.routes for each in judged)
    raise typer.Exit(Exit.NO if wrong else Exit.DONE)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error


def _rules_in(path: Path) -> Rules:
    try:
        return otlp_rules.read(yaml.safe_load(path.read_text()))  # JSON is YAML
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except (RulesError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is no mapping: {error}") from error


async def _rules_of(project: UUID) -> Rules:
    async with connection(settings.load().need("database_url_worker")) as opened:
        if not await opened.fetchval("SELECT EXISTS (SELECT FROM project WHERE id = $1)", project):
            raise CommandError(f"there is no project {project}")
        documents = await mappings.live(opened)
    return next((otlp_rules.read(each) for (_, id_), each in documents.items() if id_ == project), Rules())


def _exports(raw: bytes) -> Iterator[Sequence[Stream]]:
    """Yield the exports in `raw`: one, or one a line, as the collector's file exporter writes them."""
    try:
        yield decode(raw, len(raw))
    except Refused as refused:
        lines = [line for line in raw.splitlines() if line.strip()]
        if refused.reason is not Reason.NOT_JSON or len(lines) < 2:  # noqa: PLR2004
            raise CommandError(f"this is no OTLP export: {refused}") from None
        yield from map(_export, lines)


def _export(line: bytes) -> Sequence[Stream]:
    try:
        return decode(line, len(line))
    except Refused as refused:
        raise CommandError(f"this line is no OTLP export: {refused}: {line[:60]!r}") from None


def _told(judged: Judged) -> dict[str, Any]:
    stream, point = judged.stream, judged.point
    return {
        "index": judged.index,
        "name": stream.name,
        "kind": stream.kind,
        "unit": stream.unit,
        "attributes": {}
        if point is None
        else {key: str(value) for key, value in attributes(point.attributes).items()},
        "becomes": [_route(route) for route in judged.routes],
        "refused": judged.fault,
    }


def _route(route: Route) -> dict[str, Any]:
    parts = [part for part in ("numerator", "denominator") if getattr(route, part)]
    return {
        "metric_name": route.metric,
        "cohort": route.cohort,
        "feature": route.feature,
        "takes": route.take,
        "scale": route.scale,
        "as": parts,
    }


def _line(told: dict[str, Any]) -> str:
    named = ", ".join(f"{key}={value}" for key, value in told["attributes"].items())
    what = f"{told['name']}{{{named}}} {told['kind'].replace('_', ' ')}"
    if told["refused"]:
        return f"{what}: refused, {told['refused']}"
    return f"{what}: {'; '.join(map(_becoming, told['becomes'])) or 'nothing, no rule is about it'}"


def _becoming(route: dict[str, Any]) -> str:
    of = " and ".join(route["as"])
    series = "".join(f", {name} {route[name]}" for name in ("cohort", "feature") if route[name])
    scaled = f" x {route['scale']:g}" if route["scale"] != 1 else ""
    return f"{route['metric_name']} ({route['takes']}{scaled}{f' as {of}' if of else ''}{series})"
