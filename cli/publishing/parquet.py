"""From the rows of a Parquet file to entries: the columns of CSV, in Parquet's own types."""

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from cli.exits import CommandError
from cli.parquet import ParquetRows, as_text
from cli.publishing.messages import (
    Defaults,
    Flat,
    RefusedLineError,
    Sample,
    encode,
    reason_of,
    tenant_of,
)
from cli.publishing.reader import OPTIONAL, REQUIRED, Entry, timestamp_of


def read_parquet(rows: ParquetRows, defaults: Defaults, tell: Callable[[float], None]) -> Iterator[Entry]:
    """Yield an entry for each row, numbered from 1; `tell` hears the share that is read.

    Raises:
        CommandError: a column is missing, or unknown.
    """
    _check(rows.columns)
    number = 0
    for batch in rows:
        for row in batch:
            number += 1
            yield Entry(number, _row(row, defaults))
        tell(number / max(rows.total, 1))


def _check(columns: list[str]) -> None:
    wanted = f"the columns are {', '.join(REQUIRED)} and any of {', '.join(OPTIONAL)}"
    if missing := [name for name in REQUIRED if name not in columns]:
        raise CommandError(f"no column {', '.join(missing)}; {wanted}")
    if unknown := [name for name in columns if name not in REQUIRED + OPTIONAL]:
        raise CommandError(f"unknown column {', '.join(map(repr, unknown))}; {wanted}")


def _row(row: dict[str, Any], defaults: Defaults) -> Flat | RefusedLineError:
    fields = {name: _plain(value) for name, value in row.items() if not _is_absent(name, value)}
    if isinstance(fields.get("timestamp"), str):
        fields["timestamp"] = timestamp_of(fields["timestamp"])
    try:
        tenant = tenant_of(_uuid(fields, "org_id"), _uuid(fields, "project_id"), defaults)
        sample = msgspec.convert(fields, Sample)
        if not math.isfinite(sample.value):
            return RefusedLineError("bad_value", f"value {sample.value} is not a finite number")
    except msgspec.ValidationError as error:
        return RefusedLineError(reason_of(str(error)), str(error))
    except RefusedLineError as refused:
        return refused
    return Flat(tenant, encode(sample))


def _is_absent(name: str, value: object) -> bool:
    """What pandas has no value for is NaN in a column of numbers."""
    if value is None or value == "":
        return True
    return name != "value" and isinstance(value, float) and math.isnan(value)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else as_text(value)


def _uuid(fields: dict[str, Any], name: str) -> UUID | None:
    value = fields.pop(name, None)
    try:
        return UUID(value) if value is not None else None
    except (ValueError, AttributeError, TypeError):
        raise RefusedLineError("bad_schema", f"{name} {value!r} is not a UUID") from None
