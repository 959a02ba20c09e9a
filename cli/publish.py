"""`augentis publish`: raw samples from a file or standard input to Kafka."""

import asyncio
import json
import sys
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import settings
from cli.exits import Exit
from cli.publishing.messages import Defaults, RefusedLineError
from cli.publishing.run import Format, Job, Refusals, Tally
from cli.publishing.run import publish as run_publication

RAW_TOPIC = "raw_metrics"
BACKFILL_TOPIC = "backfill_metrics"
REDRAW_SECONDS = 0.1


def publish(
    file: Annotated[str, typer.Argument(help="File of JSON lines or CSV; - reads standard input.")],
    *,
    file_format: Annotated[
        Format | None,
        typer.Option("--format", help="How to read it; by default as its name ends, else jsonl."),
    ] = None,
    topic: Annotated[str | None, typer.Option(help=f"Kafka topic; by default {RAW_TOPIC}.")] = None,
    org: Annotated[UUID | None, typer.Option(help="org_id of lines that name none.")] = None,
    project: Annotated[UUID | None, typer.Option(help="project_id of lines that name none.")] = None,
    key: Annotated[
        str | None,
        typer.Option(envvar="AUGENTIS_INGEST_KEY", help="Ingest key, sent as header augentis-key."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples a message at most.")] = 500,
    run_id: Annotated[
        str | None,
        typer.Option(help="Names this run: the same content under another name counts again."),
    ] = None,
    backfill: Annotated[
        bool, typer.Option("--backfill", help=f"History: topic {BACKFILL_TOPIC}, however old; pages nobody.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON document.")] = False,
) -> None:
    """Publish raw samples: JSON lines (a sample or a batch a line) or CSV.

    A file published twice with the same options counts once. Samples of a project go out in the order of
    their lines, in one partition: write them in the order of their timestamps.
    """
    if backfill and topic:
        raise typer.BadParameter("--topic and --backfill exclude each other")
    configured = settings.load()
    if batch_size > configured.max_samples:
        raise typer.BadParameter(f"--batch-size: a message holds {configured.max_samples} samples at most")
    job = Job(
        file,
        file_format,
        topic or (BACKFILL_TOPIC if backfill else RAW_TOPIC),
        Defaults(org, project),
        key,
        batch_size,
        run_id,
    )
    raise typer.Exit(_run(job, configured, json_))


def _run(job: Job, configured: settings.Settings, as_json: bool) -> Exit:
    tally = Tally()
    with Refusals(_tell) as refusals:
        try:
            asyncio.run(_with_progress(job, configured, tally, refusals))
        finally:
            # Also of a run that ended early: what Kafka has acknowledged stays published.
            _summarize(tally, refusals, as_json)
        return Exit.NO if refusals.count else Exit.DONE


async def _with_progress(job: Job, configured: settings.Settings, tally: Tally, refusals: Refusals) -> None:
    console = Console(stderr=True)
    watch = asyncio.create_task(_watch(console, tally)) if console.is_terminal else None
    try:
        await run_publication(job, configured, tally, refusals)
    finally:
        if watch:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def _watch(console: Console, tally: Tally) -> None:
    columns = (
        SpinnerColumn(),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        while True:
            progress.update(
                task,
                total=tally.size,
                completed=tally.bytes,
                description=f"{tally.published:,} samples published",
            )
            await asyncio.sleep(REDRAW_SECONDS)


def _tell(number: int, refused: RefusedLineError) -> None:
    print(f"line {number} refused: {refused}", file=sys.stderr)


def _summarize(tally: Tally, refusals: Refusals, as_json: bool) -> None:
    if as_json:
        summary: dict[str, Any] = {
            "read": tally.read,
            "published": tally.published,
            "batches": tally.batches,
            "refused": list(refusals),
        }
        print(json.dumps(summary))
    else:
        print(
            f"read {tally.read} samples, published {tally.published} in {tally.batches} batches, "
            f"refused {refusals.count} lines"
        )
