"""`augentis lag`: how far behind each partition is, in offsets and in event time (docs/operations.md)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import typer
from aiokafka import TopicPartition

import settings
from cli.kafka import looking, partitions, reached
from migrations.topics import IN_TOPICS
from settings import Settings
from storage import database
from storage import lag as ledger
from streams.app import GROUP

_SHOWN = {
    "topic": "topic",
    "partition": "partition",
    "offset_lag": "lag",
    "event_time_lag_seconds": "event-time lag",
    "watermark": "watermark",
    "idle": "idle",
    "owner": "owner",
    "epoch": "epoch",
    "fresh_seconds": "fresh",
}
Spans = Mapping[TopicPartition, tuple[int, int]]
"""First offset and end of each partition's log."""


async def lag(
    *, json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> None:
    """Show each partition's offset lag, event-time lag, watermark, owner, and whether it is idle.

    `fresh` is how long ago its owner last wrote to the ledger: more than some seconds, and nobody reads it.
    """
    configured = settings.load()
    async with database.connection(configured.need("database_url_worker")) as connection:
        rows = await ledger.partitions(connection, configured.idle_after)
    found = list(_rows(rows, await _spans(configured, {*IN_TOPICS, *(row["topic"] for row in rows)})))
    if json_:
        print(json.dumps(found))
    else:
        _print_table(found)


async def _spans(configured: Settings, topics: Iterable[str]) -> Spans:
    known = await partitions(configured)
    places = [TopicPartition(topic, part) for topic in sorted(topics) for part in known.get(topic, ())]
    async with looking(configured) as consumer, reached(configured):
        starts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
    return {place: (starts[place], ends[place]) for place in places}


def _rows(rows: Iterable[asyncpg.Record], spans: Spans) -> Iterator[dict[str, Any]]:
    unread = dict(spans)
    for row in rows:
        fields = {name: _plain(value) for name, value in row.items() if name != "quiet"}
        span = unread.pop(TopicPartition(row["topic"], row["partition"]), None)
        behind = max(0, span[1] - row["next_offset"]) if span else None
        yield fields | {
            "end_offset": span[1] if span else None,
            "offset_lag": behind,
            "idle": behind == 0 and row["quiet"],
        }
    for place, (start, end) in sorted(unread.items()):
        yield _never_read(place, start, end)


def _never_read(place: TopicPartition, start: int, end: int) -> dict[str, Any]:
    """Return the line of a partition that no worker has claimed yet."""
    nothing = dict.fromkeys(
        ("next_offset", "owner", "epoch", "watermark", "event_time_lag_seconds", "fresh_seconds")
    )
    where = {"consumer": GROUP, "topic": place.topic, "partition": place.partition}
    return where | nothing | {"end_offset": end, "offset_lag": end - start, "idle": False}


def _print_table(rows: list[dict[str, Any]]) -> None:
    lines = [list(_SHOWN.values()), *([_word(name, row[name]) for name in _SHOWN] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_SHOWN))]
    for line in lines:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _word(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.endswith("_seconds"):
        return f"{value:.0f} s"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
