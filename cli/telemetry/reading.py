"""From a file of hourly rows to its fields, each row with the number of the line it starts on."""

import csv
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

from cli.exits import CommandError
from cli.parquet import ParquetRows, as_text, open_descriptor
from cli.publishing.reader import Records, checked_header
from cli.publishing.source import Source, lines
from streams.hourly import OPTIONAL, REQUIRED, Row, read
from streams.wire import Reason, Refused

Format = Literal["csv", "parquet", "jsonl"]
LONGEST = 1 << 20
"""Bytes of a line at most: sketches of many users take some ten thousand."""
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


class Line(NamedTuple):
    """What line `number` (from 1; in Parquet the row) holds, or why it cannot be read."""

    number: int
    content: Row | Refused


def rows(source: Source, format_: Format, heard: Callable[[int], None]) -> Iterator[Line]:
    """Yield the rows of `source`; `heard` is told how many bytes were read since it was last told.

    Raises:
        CommandError: it cannot be read, or its columns are not those of hourly rows.
    """
    if format_ == "parquet":
        yield from _parquet(source, heard)
        return
    counted = _counted(lines(source, LONGEST), heard)
    yield from (_csv if format_ == "csv" else _jsonl)(counted)


def _counted(found: Iterable[bytes], heard: Callable[[int], None]) -> Iterator[bytes]:
    for line in found:
        heard(len(line) + 1)
        yield line


def _csv(found: Iterable[bytes]) -> Iterator[Line]:
    header: list[str] | None = None
    for first, last, record in Records(found, LONGEST):
        if header is None:
            header = checked_header(record, REQUIRED, OPTIONAL)
        elif isinstance(record, csv.Error):
            for number in range(first, last + 1):
                yield Line(number, Refused(Reason.BAD_SCHEMA, f"record of line {first}: {record}"))
        elif len(record) != len(header):
            fault = f"{len(record)} fields under {len(header)} columns"
            yield Line(first, Refused(Reason.BAD_SCHEMA, fault))
        else:
            yield _line(first, {name: text for name, text in zip(header, record, strict=True) if text})
    if header is None:
        raise CommandError("line 1: there is no header")


def _jsonl(found: Iterable[bytes]) -> Iterator[Line]:
    for number, line in enumerate(found, 1):
        if not line.strip():
            continue
        try:
            fields = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            yield Line(number, Refused(Reason.NOT_JSON, str(error)))
        else:
            yield _line(number, {name: value for name, value in fields.items() if value is not None})


def _parquet(source: Source, heard: Callable[[int], None]) -> Iterator[Line]:
    if source.size is None:
        raise CommandError("Parquet is read from a file, not from a stream")
    with open_descriptor(source.fd) as file:
        found = ParquetRows(file, source.name)
        checked_header(found.columns, REQUIRED, OPTIONAL)
        number = 0
        for batch in found:
            for row in batch:
                number += 1
                yield _line(number, {k: as_text(v) for k, v in row.items() if not _is_absent(v)})
            heard(source.size * len(batch) // found.total)


def _is_absent(value: object) -> bool:
    """What pandas has no value for is NaN in a column of numbers, and not equal to itself."""
    return value is None or value != value  # noqa: PLR0124


def _line(number: int, fields: dict[str, Any]) -> Line:
    try:
        return Line(number, read(fields))
    except Refused as refused:
        return Line(number, refused)
