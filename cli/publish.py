"""`augentis publish`: raw samples from a file or standard input to Kafka."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

import settings
from cli.exits import Exit
from cli.progress import Reading, shown
from cli.publishing.messages import Defaults, RefusedLineError
from cli.publishing.run import Format, Job, Refusals, Tally
from cli.publishing.run import publish as run_publication

RAW_TOPIC = "raw_metrics"
BACKFILL_TOPIC = "backfill_metrics"


def publish(
    file: Annotated[str, typer.Argument(help="File of JSON lines, CSV or Parquet; - reads standard input.")],
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
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where an earlier run of this file, with these options, ended."),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON document.")] = False,
) -> None:
    """Publish raw samples: JSON lines (a sample or a batch a line), CSV or Parquet.

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
        remembered=resume or (backfill and Path(file).is_file()),
        resumed=resume,
    )
    raise typer.Exit(_run(job, configured, json_))


def _run(job: Job, configured: settings.Settings, as_json: bool) -> Exit:
    tally = Tally()
    with Refusals(_tell) as refusals:
        try:
            asyncio.run(_with_progress(job, configured, tally, refusals))
        except BaseException:
            if job.remembered and tally.batches:
                print("publish: it ended early; the same command with --resume goes on", file=sys.stderr)
            raise
        finally:
            # Also of a run that ended early: what Kafka has acknowledged stays published.
            _summarize(job, tally, refusals, as_json)
        return Exit.NO if refusals.count else Exit.DONE


async def _with_progress(job: Job, configured: settings.Settings, tally: Tally, refusals: Refusals) -> None:
    def look() -> Reading:
        return Reading(tally.bytes, tally.size, f"{tally.published:,} samples published")

    async with shown(look):
        await run_publication(job, configured, tally, refusals)


def _tell(number: int, refused: RefusedLineError) -> None:
    print(f"line {number} refused: {refused}", file=sys.stderr)


def _summarize(job: Job, tally: Tally, refusals: Refusals, as_json: bool) -> None:
    if as_json:
        summary: dict[str, Any] = {
            "read": tally.read,
            "published": tally.published,
            "batches": tally.batches,
            "refused": list(refusals),
        }
        if job.resumed:
            summary["skipped"] = tally.skipped
        print(json.dumps(summary))
    else:
        print(
            f"read {tally.read} samples, published {tally.published} in {tally.batches} batches, "
            f"refused {refusals.count} lines"
            + (f", skipped {tally.skipped} that an earlier run published" if tally.skipped else "")
        )
