"""Parquet as rows: the format's own library, a few thousand rows in memory at a time."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cli.exits import CommandError

ROWS_AT_ONCE = 10_000

Rows = list[dict[str, Any]]


class ParquetRows:
    """The rows of a Parquet file: `columns` are their names, `total` how many there are."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Open `file`; `name` is what messages call it.

        Raises:
            CommandError: it is no Parquet file.
        """
        self._name = name
        try:
            self._file = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            raise CommandError(f"{name} is no Parquet file: {_first_line(error)}") from error
        self.columns: list[str] = list(self._file.schema_arrow.names)
        self.total: int = self._file.metadata.num_rows

    def __iter__(self) -> Iterator[Rows]:
        """Yield rows some thousands at a time, an absent value as None.

        Raises:
            CommandError: reading fails on the way.
        """
        try:
            for batch in self._file.iter_batches(batch_size=ROWS_AT_ONCE):
                yield batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise CommandError(f"{self._name} cannot be read further: {_first_line(error)}") from error


def open_descriptor(fd: int) -> BinaryIO:
    """Return the file behind `fd`, from its beginning; `fd` itself stays open."""
    file = os.fdopen(os.dup(fd), "rb")
    file.seek(0)
    return file


def as_text(value: Any) -> Any:
    """Return a moment as RFC 3339, and anything else as it is; one without a zone is UTC."""
    if not isinstance(value, datetime):
        return value
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
