"""What the commands about dead letters print: tables for people, JSON for scripts."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from cli.dlq.reasons import REASONS, in_words
from cli.dlq.replaying import Tally
from streams.wire import Reason

COUNTED = (
    *("topic", "reason", "project_id", "letters", "samples", "whole_records", "replayed"),
    *("oldest", "newest"),
)


def counted(row: asyncpg.Record) -> dict[str, Any]:
    """Return one line of the table of counts."""
    return {name: _plain(row[name]) for name in COUNTED}


def explained(row: asyncpg.Record) -> dict[str, Any]:
    """Return a letter with its reason in words."""
    words = REASONS[Reason(row["reason"])]
    fields = {name: _plain(value) for name, value in row.items()}
    nobody = fields["project_id"] is None
    return {
        **fields,
        "org_id": None if nobody else fields["org_id"],
        "indices": json.loads(row["indices"]),
        "means": words.means,
        "do": words.do,
    }


def print_summary(tally: Tally, *, dry_run: bool, as_json: bool) -> None:
    """Print what a replay has done, and on stderr why some could not be replayed."""
    if as_json:
        summary = {
            "found": tally.found,
            "replayed": 0 if dry_run else tally.replayed,
            "would_replay": tally.replayed if dry_run else 0,
            "samples": tally.samples,
            "failed": dict(sorted(tally.failed.items())),
        }
        print(json.dumps(summary))
        return
    done = "would be replayed" if dry_run else "replayed"
    print(f"{tally.replayed} of {tally.found} letters {done}, {tally.samples} samples")
    for cause, count in sorted(tally.failed.items()):
        first = tally.first_failed.get(cause)
        where = f" (first {first})" if first else ""
        print(f"{count} not: {cause}: {in_words(cause)}{where}", file=sys.stderr)


def print_letters(shown: Sequence[dict[str, Any]]) -> None:
    """Print letters, a field a line."""
    for number, letter in enumerate(shown):
        if number:
            print()
        for name, value in letter.items():
            print(f"{name}  {_word(value)}")


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print counts, a line each."""
    lines = [COUNTED, *([_word(row[name]) for name in COUNTED] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COUNTED))]
    for line in lines:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _word(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
