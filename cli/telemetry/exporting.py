"""Hourly rows as `import-telemetry` takes them: CSV, JSON lines, Parquet."""

import base64
import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cli.telemetry.reading import Format

SKETCHES = ("latency_sketch", "users_sketch", "positive_users_sketch")
COLUMNS = (
    *("timestamp", "metric_name", "cohort", "feature", "metric_value", "unit", "numerator", "denominator"),
    *("sample_count", "user_count", *SKETCHES),
)
REVISION = "revision"
"""Only asked for: no import takes it, since a row that is imported begins anew."""
Rows = Sequence[Any]
_TYPES = {
    "timestamp": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(("metric_value", "numerator", "denominator"), pa.decimal128(38, 6)),
    **dict.fromkeys(("sample_count", "user_count", REVISION), pa.int64()),
    **dict.fromkeys(SKETCHES, pa.binary()),
}
_encode = msgspec.json.Encoder(decimal_format="number").encode


class CsvWriter:
    """RFC 4180; what is absent is empty."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        self._columns = columns
        self._text = io.TextIOWrapper(file, "utf-8", newline="")
        self._csv = csv.writer(self._text)
        self._csv.writerow(columns)

    def write(self, rows: Rows) -> None:
        """Append rows."""
        self._csv.writerows([_text(row[column]) for column in self._columns] for row in rows)

    def close(self) -> None:
        """Finish; the file stays open."""
        self._text.detach()


class JsonLinesWriter:
    """An object a line; what is absent is left out."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        self._file, self._columns = file, columns

    def write(self, rows: Rows) -> None:
        """Append rows."""
        for row in rows:
            fields = {name: _json(row[name]) for name in self._columns if row[name] is not None}
            self._file.write(_encode(fields) + b"\n")

    def close(self) -> None:
        """Finish: nothing is left to write."""


class ParquetWriter:
    """Parquet's own types: moments, decimals, bytes."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        self._schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in columns])
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, rows: Rows) -> None:
        """Append rows as a group."""
        columns = {name: [row[name] for row in rows] for name in self._schema.names}
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        """Finish: the footer is what makes it readable."""
        self._writer.close()


Writer = CsvWriter | JsonLinesWriter | ParquetWriter
WRITERS: dict[Format, type[Writer]] = {"csv": CsvWriter, "jsonl": JsonLinesWriter, "parquet": ParquetWriter}


def _text(value: Any) -> Any:
    """Return a value as CSV has it; None becomes an empty field."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else _json(value)


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
