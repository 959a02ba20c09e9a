"""`augentis dlq list | show | replay`: dead letters, for the operator (docs/dead-letters.md)."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import asyncpg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

import settings
from cli.dlq.printing import counted, explained, print_letters, print_summary, print_table
from cli.dlq.reading import Progress, letters
from cli.dlq.reasons import in_words
from cli.dlq.replaying import Job, Tally
from cli.dlq.replaying import replay as run_replay
from cli.exits import AnswerIsNo, CommandError, Exit
from settings import Settings, parse_duration
from storage import database, dead_letters
from storage.dead_letters import Wanted
from streams.replays import BACKFILL
from streams.wire import Reason

_AT = re.compile(r"(?P<topic>[\w.-]+):(?P<partition>\d{1,9}):(?P<offset>\d{1,18})", re.ASCII)

TopicOption = Annotated[str | None, typer.Option(help="Letters about records of this topic.")]
ReasonOption = Annotated[Reason | None, typer.Option(help="Letters of this reason.")]
SinceOption = Annotated[
    str | None, typer.Option(help="Refused since: a time (2026-11-01T10:00:00Z) or how long ago (6h, 2d).")
]
ProjectOption = Annotated[UUID | None, typer.Option(help="Letters of this project.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Dead letters, what was refused and why: list, show, replay.",
)


@app.command("list")
async def list_(
    topic: TopicOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    project: ProjectOption = None,
    *,
    json_: AsJson = False,
) -> None:
    """Count the letters by topic, reason and project."""
    url = settings.load().need("database_url_worker")
    async with database.connection(url) as connection:
        found = await dead_letters.counted(connection, Wanted(reason, _since(since), topic, project))
    rows = [counted(row) for row in found]
    if json_:
        print(json.dumps(rows))
    else:
        print_table(rows)


@app.command()
async def show(
    letter: Annotated[str, typer.Argument(help="Id of a letter, or TOPIC:PARTITION:OFFSET of the record.")],
    *,
    payload: Annotated[
        bool, typer.Option("--payload", help="Print the record's bytes too: they may name people.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """Explain a letter: where the record was, why it was refused and what to do about it."""
    configured = settings.load()
    async with database.connection(configured.need("database_url_worker")) as connection:
        rows = await _found(connection, letter)
    if not rows:
        raise AnswerIsNo(f"there is no letter {letter}: letters are forgotten after AUGENTIS_TOPIC_RETENTION")
    shown = [explained(row) for row in rows]
    if payload:
        shown[0]["payload"] = await _payload(configured, rows[0])
    if json_:
        print(json.dumps(shown))
    else:
        print_letters(shown)


@app.command()
def replay(
    reason: Annotated[Reason, typer.Option(help="Letters of this reason, whose cause was mended.")],
    since: SinceOption = None,
    topic: TopicOption = None,
    project: Annotated[
        UUID | None,
        typer.Option(help="Letters of this project; you vouch for those that no ingest key was checked of."),
    ] = None,
    to: Annotated[
        Literal["backfill_metrics"] | None, typer.Option(help="Publish them as history, however old.")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be published.")] = False,
    json_: AsJson = False,
) -> None:
    """Publish the refused samples again, once: those of letters that were not replayed yet.

    Killed and run again, nothing is counted twice and nothing is left out.
    """
    wanted = Wanted(reason, _since(since), topic, project)
    job, tally = Job(wanted, BACKFILL if to else None, dry_run), Tally()
    configured = settings.load()
    try:
        with _bar() as progress:
            asyncio.run(run_replay(configured, job, tally, progress))
    finally:
        # Also of a run that ended early: what Kafka has acknowledged is published.
        print_summary(tally, dry_run=dry_run, as_json=json_)
    raise typer.Exit(Exit.NO if tally.failed else Exit.DONE)


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.now(UTC) - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--since: a time as 2026-11-01T10:00:00Z, or how long ago as 6h") from None
    if at.tzinfo is None:
        raise typer.BadParameter("--since: say the offset as well, as in 2026-11-01T10:00:00Z")
    return at


async def _found(connection: asyncpg.Connection, letter: str) -> list[asyncpg.Record]:
    at = _AT.fullmatch(letter)
    if at:
        return await dead_letters.at(connection, at["topic"], int(at["partition"]), int(at["offset"]))
    try:
        return await dead_letters.by_id(connection, UUID(letter))
    except ValueError:
        raise CommandError(f"{letter!r} is neither a letter's id nor TOPIC:PARTITION:OFFSET") from None


async def _payload(configured: Settings, row: asyncpg.Record) -> str:
    async for some in letters(configured, [row["topic"]], row["refused_at"], lambda _done, _total: None):
        for letter in some:
            if letter.id == row["id"]:
                return letter.value.decode("utf-8", "backslashreplace")
    raise AnswerIsNo(in_words("not_in_kafka"))


@contextmanager
def _bar() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("letters read"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
