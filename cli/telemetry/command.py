"""`augentis telemetry export` and `augentis import-telemetry`: hourly rows out and in, for operators."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import typer

import settings
from cli.exits import CommandError, Exit
from cli.moments import moment
from cli.progress import Reading, shown
from cli.publishing.messages import RefusedLineError
from cli.publishing.run import Refusals
from cli.telemetry.exporting import COLUMNS, REVISION, SKETCHES, WRITERS
from cli.telemetry.importing import Job, Tally, run
from cli.telemetry.reading import Format
from metrics.names import Metric
from storage import database, exports, imports
from storage.exports import Wanted

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Hourly rows as files: export (the way back is `augentis import-telemetry`).",
)

Org = Annotated[UUID, typer.Option(help="Organisation.")]
Project = Annotated[UUID, typer.Option(help="Project.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON document.")]
FileFormat = Annotated[
    Format | None, typer.Option("--format", help="By default as the file's name ends, else csv.")
]


async def import_telemetry(
    file: Annotated[str, typer.Argument(help="File of hourly rows; - reads standard input.")],
    *,
    org: Org,
    project: Project,
    file_format: FileFormat = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all, write nothing.")] = False,
    json_: AsJson = False,
) -> None:
    """Import ready hourly rows of hours that are over: history that pages nobody.

    A row replaces what an earlier import said of its hour and series, and adds to what was streamed. The same
    file again changes nothing: after any failure run it again.
    """
    job = Job(file, file_format or _format_of(file), org, project, dry_run)
    tally = Tally()
    with Refusals(_tell) as refusals:
        try:
            async with shown(lambda: _reading(tally)):
                await run(job, settings.load(), tally, refusals)
        finally:
            # Also of an import that ended early: what is written stays.
            _summarize(job, tally, refusals, as_json=json_)
        raise typer.Exit(Exit.NO if refusals.count else Exit.DONE)


@app.callback()
def telemetry() -> None:
    """Export hourly rows."""


@app.command()
async def export(
    file: Annotated[str, typer.Argument(help="File to write; - is standard output.")] = "-",
    *,
    org: Org,
    project: Project,
    since: Annotated[
        datetime | None, typer.Option(parser=moment, help="First hour (UTC unless it says otherwise).")
    ] = None,
    until: Annotated[datetime | None, typer.Option(parser=moment, help="Hour to end before.")] = None,
    metric: Annotated[Metric | None, typer.Option(help="One metric alone.")] = None,
    file_format: FileFormat = None,
    sketches: Annotated[
        bool, typer.Option(help="With the sketches: what an import needs to count users and take medians.")
    ] = True,
    revisions: Annotated[
        bool, typer.Option(help="With the revision of each row, to compare with what a report rests on.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Export closed hours in order of time."""
    wanted = Wanted(org, project, since, until, metric)
    columns = [name for name in COLUMNS if sketches or name not in SKETCHES]
    columns += [REVISION] if revisions else []
    count = 0
    url = settings.load().need("database_url_worker")
    async with database.connection(url) as connection:
        if not await imports.has_project(connection, org, project):
            raise CommandError(f"organisation {org} has no project {project}, or it is archived")
        with _opened(file) as output:
            writer = WRITERS[file_format or _format_of(file)](output, columns)
            async with shown(lambda: Reading(0, None, f"{count:,} rows exported")):
                async for rows in exports.telemetry(connection, wanted):
                    writer.write(rows)
                    count += len(rows)
            writer.close()
    print(
        json.dumps({"rows": count}) if json_ else f"exported {count} rows",
        file=sys.stderr if file == "-" else sys.stdout,
    )


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """Yield the file to write; it takes its name when it is whole."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = Path(f"{path}.part")
    try:
        with part.open("wb") as output:
            yield output
        part.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _format_of(path: str) -> Format:
    suffix = Path(path).suffix.lower()
    return "parquet" if suffix == ".parquet" else "jsonl" if suffix in (".jsonl", ".ndjson") else "csv"


def _reading(tally: Tally) -> Reading:
    rows = f"{tally.written:,} rows written, {tally.unchanged:,} unchanged"
    return Reading(tally.bytes, tally.size, rows)


def _tell(number: int, refused: RefusedLineError) -> None:
    print(f"line {number} refused: {refused}", file=sys.stderr)


def _summarize(job: Job, tally: Tally, refusals: Refusals, *, as_json: bool) -> None:
    counts = {"read": tally.read, "written": tally.written, "unchanged": tally.unchanged}
    if as_json:
        print(json.dumps(counts | {"dry_run": job.dry_run, "refused": list(refusals)}))
        return
    would = "would write" if job.dry_run else "wrote"
    print(
        f"read {tally.read} rows, {would} {tally.written}, found {tally.unchanged} unchanged, "
        f"refused {refusals.count} lines"
    )
