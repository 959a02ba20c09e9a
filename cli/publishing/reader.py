"""From lines to entries: JSON lines and CSV, each entry with the number of the line it starts on."""

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from uuid import UUID

from cli.exits import CommandError
from cli.publishing.messages import (
    Defaults,
    Flat,
    RefusedLineError,
    Sample,
    Whole,
    encode,
    parse_line,
    tenant_of,
)

REQUIRED = ("timestamp", "metric_name", "value")
OPTIONAL = ("of", "unit", "cohort", "feature", "user_id", "org_id", "project_id")
_BOM = b"\xef\xbb\xbf"


class Entry(NamedTuple):
    """What line `number` (from 1) holds, or why it cannot be published."""

    number: int
    content: Flat | Whole | RefusedLineError


Reader = Callable[[Iterable[bytes], Defaults, int], Iterator[Entry]]


def read_jsonl(lines: Iterable[bytes], defaults: Defaults, limit: int) -> Iterator[Entry]:
    """Yield an entry for each line that is not blank; one longer than `limit` bytes is refused."""
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(_BOM) if number == 1 else line
        if text.strip():
            yield Entry(number, _checked(parse_line, text, defaults, limit))


def _checked(
    parse: Callable[[bytes, Defaults], Flat | Whole], line: bytes, defaults: Defaults, limit: int
) -> Flat | Whole | RefusedLineError:
    if len(line) > limit:
        return RefusedLineError("too_large", f"longer than {limit} bytes")
    try:
        return parse(line, defaults)
    except RefusedLineError as refused:
        return refused


def read_csv(lines: Iterable[bytes], defaults: Defaults, limit: int) -> Iterator[Entry]:
    """Yield an entry for each record of RFC 4180, in UTF-8, under the header of docs/wire-format.md.

    Raises:
        CommandError: the header lacks a column, repeats one, or names one that is unknown.
    """
    records = Records(lines, limit)
    header: list[str] | None = None
    for first, last, record in records:
        if header is None:
            header = checked_header(record, REQUIRED, OPTIONAL)
        elif isinstance(record, csv.Error):
            # An open quote swallows what follows: each line of it is named, none is lost silently.
            for number in range(first, last + 1):
                yield Entry(number, RefusedLineError("bad_schema", f"record of line {first}: {record}"))
        else:
            yield Entry(first, _row(header, record, defaults))


class Records:
    """The records of a CSV file with their first and last line, or the error in their place."""

    def __init__(self, lines: Iterable[bytes], limit: int) -> None:
        self._limit = limit
        self._overlong = False
        self._reader = csv.reader(self._text(lines), strict=True)

    def _text(self, lines: Iterable[bytes]) -> Iterator[str]:
        for number, line in enumerate(lines):
            self._overlong |= len(line) > self._limit
            text = line if number else line.removeprefix(_BOM)
            # Bytes that are no UTF-8 survive as lone surrogates, and are refused with their record.
            yield text.decode("utf-8", "surrogateescape") + "\n"

    def __iter__(self) -> Iterator[tuple[int, int, list[str] | csv.Error]]:
        while True:
            first = self._reader.line_num + 1
            self._overlong = False
            record: list[str] | csv.Error
            try:
                record = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                record = error
            if self._overlong:
                record = csv.Error(f"longer than {self._limit} bytes")
            if record:
                yield first, self._reader.line_num, record


def checked_header(
    record: list[str] | csv.Error, required: tuple[str, ...], optional: tuple[str, ...]
) -> list[str]:
    """Return the columns that a header names.

    Raises:
        CommandError: it lacks a column, repeats one, or names one that is unknown.
    """
    wanted = f"the header is {','.join(required)} and any of {','.join(optional)}"
    if isinstance(record, csv.Error):
        raise CommandError(f"line 1: {record}; {wanted}")
    if missing := [name for name in required if name not in record]:
        raise CommandError(f"line 1: no column {', '.join(missing)}; {wanted}")
    if unknown := [name for name in record if name not in required + optional]:
        raise CommandError(f"line 1: unknown column {', '.join(map(repr, unknown))}; {wanted}")
    if len(set(record)) < len(record):
        raise CommandError(f"line 1: a column is there twice; {wanted}")
    return record


def _row(header: list[str], record: list[str], defaults: Defaults) -> Flat | RefusedLineError:
    try:
        return _sample(header, record, defaults)
    except RefusedLineError as refused:
        return refused
    except UnicodeEncodeError:
        return RefusedLineError("bad_schema", "not UTF-8")


def _sample(header: list[str], record: list[str], defaults: Defaults) -> Flat:
    if len(record) != len(header):
        raise RefusedLineError("bad_schema", f"{len(record)} fields under {len(header)} columns")
    fields = {name: text for name, text in zip(header, record, strict=True) if text}
    if missing := [name for name in REQUIRED if name not in fields]:
        raise RefusedLineError("bad_schema", f"no {', '.join(missing)}")
    tenant = tenant_of(_uuid(fields, "org_id"), _uuid(fields, "project_id"), defaults)
    return Flat(
        tenant,
        encode(
            Sample(
                metric_name=fields["metric_name"],
                value=_number(fields["value"], "value"),
                timestamp=timestamp_of(fields["timestamp"]),
                of=_number(fields["of"], "of") if "of" in fields else None,
                unit=fields.get("unit"),
                cohort=fields.get("cohort"),
                feature=fields.get("feature"),
                user_id=fields.get("user_id"),
            )
        ),
    )


def _uuid(fields: dict[str, str], name: str) -> UUID | None:
    try:
        return UUID(fields[name]) if name in fields else None
    except ValueError:
        raise RefusedLineError("bad_schema", f"{name} {fields[name]!r} is not a UUID") from None


def _number(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RefusedLineError("bad_value", f"{name} {text!r} is not a finite number")
    return number


def timestamp_of(text: str) -> str | float:
    """Return epoch seconds where the text is a number, else the text: the worker judges it."""
    try:
        return _number(text, "timestamp")
    except RefusedLineError:
        return text
