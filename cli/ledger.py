"""`augentis ledger show | reset`: where workers stand in each partition, and setting it by hand."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

import settings
from cli.exits import CommandError, Unavailable
from settings import Settings
from storage import ledger
from storage.database import connection
from storage.ledger import Connection, Place, Standing
from streams import resets
from streams.app import GROUP
from streams.resets import Change, Log

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The ledger of what was read: show it, or set it where log and ledger no longer agree.",
)


@app.command()
async def show(
    topic: Annotated[str | None, typer.Argument(help="One topic; by default all.")] = None,
    *,
    json_: AsJson = False,
) -> None:
    """Show where the ledger stands, and what an operator has set."""
    async with _open() as (_, database):
        rows = [_row(each) for each in await ledger.standing(database, GROUP, topic)]
    if json_:
        print(json.dumps(rows))
        return
    for row in rows:
        line = f"{row['topic']}[{row['partition']}] at {row['next_offset']}, held by {row['owner']}"
        if row["reset_at"]:
            came = "" if row["reset_from"] is None else f" from {row['reset_from']}"
            line += f"; set{came} at {row['reset_at']}: {row['reset_reason']}"
        print(line)


@app.command()
async def reset(
    topic: Annotated[str, typer.Argument(help="The topic.")],
    to: Annotated[str, typer.Option(help="earliest, latest, or an offset (with --partition).")],
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")],
    partition: Annotated[list[int] | None, typer.Option(help="A partition; by default all.")] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json_: AsJson = False,
) -> None:
    """Set where a topic is read on, after saying what that loses or counts again.

    Workers that hold its partitions end with 74 and begin anew where the ledger then stands.
    """
    only = partition or []
    if to not in ("earliest", "latest") and not (to.isdecimal() and len(only) == 1):
        raise typer.BadParameter("--to: earliest, latest, or an offset of one --partition")
    if not reason.strip():
        raise typer.BadParameter("--reason: say why")
    async with _open() as (configured, database):
        found = await _logs(configured, topic)
        stands = await ledger.standing(database, GROUP, topic)
        try:
            changes = resets.planned(stands, found, Place(GROUP, topic, 0), to, only)
        except ValueError as error:
            raise CommandError(str(error)) from None
        if not json_:
            _say(changes)
        if not yes:
            typer.confirm("Set the ledger so?", abort=True, err=True)
        await resets.apply(database, changes, reason.strip())
    if json_:
        print(json.dumps([_told(change) for change in changes]))


@asynccontextmanager
async def _open() -> AsyncIterator[tuple[Settings, Connection]]:
    configured = settings.load()
    async with connection(configured.need("database_url_worker")) as database:
        yield configured, database


async def _logs(configured: Settings, topic: str) -> dict[int, Log]:
    try:
        return await resets.logs(configured, topic)
    except UnknownTopicOrPartitionError:
        raise CommandError(f"Kafka has no topic {topic}") from None
    except (KafkaError, OSError) as error:
        raise Unavailable(
            f"Kafka at {configured.kafka_bootstrap_servers} does not answer: {error!r}"
        ) from error


def _say(changes: list[Change]) -> None:
    for change in changes:
        told = _told(change)
        print(f"{told['topic']}[{told['partition']}]: {told['from']} -> {told['to']}")
        for cost in told["costs"]:
            print(f"    {cost}")


def _told(change: Change) -> dict[str, Any]:
    return {
        "topic": change.place.topic,
        "partition": change.place.partition,
        "from": change.before.next_offset if change.before else None,
        "to": change.to,
        "costs": change.costs(),
    }


def _row(each: Standing) -> dict[str, Any]:
    return {
        "topic": each.place.topic,
        "partition": each.place.partition,
        "next_offset": each.next_offset,
        "owner": each.owner,
        "caught_up_at": each.caught_up_at and each.caught_up_at.isoformat(),
        "reset_at": each.reset_at and each.reset_at.isoformat(),
        "reset_from": each.reset_from,
        "reset_reason": each.reset_reason,
    }
