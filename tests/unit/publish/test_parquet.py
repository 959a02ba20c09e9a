"""A Parquet file publishes what the same rows publish as CSV; pandas writes the files, as people do."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest

from cli.exits import CommandError
from cli.parquet import ParquetRows
from cli.publishing.messages import Defaults, Flat, RefusedLineError
from cli.publishing.parquet import read_parquet
from cli.publishing.reader import Entry, read_csv

DEFAULTS = Defaults(uuid4(), uuid4())
EXAMPLE = Path(__file__).parents[3] / "examples" / "samples.csv"
AT = "2026-11-01T10:15:00Z"
SAMPLE = {"timestamp": AT, "metric_name": "feature_usage", "value": 3.0}


def entries(frame: pd.DataFrame, defaults: Defaults = DEFAULTS) -> list[Entry]:
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return list(read_parquet(ParquetRows(file, "file"), defaults, lambda _: None))


def only(**fields: Any) -> Any:
    (entry,) = entries(pd.DataFrame([SAMPLE | fields]))
    return entry.content


def test_the_example_is_the_same_in_both_formats():
    expected = list(read_csv(EXAMPLE.read_bytes().splitlines(), DEFAULTS, 10_000))
    texts = {"timestamp": str, "user_id": str}
    found = entries(pd.read_csv(EXAMPLE, dtype=texts))
    assert [e.number for e in found] == list(range(1, len(expected) + 1))
    assert [e.content for e in found] == [e.content for e in expected]


@pytest.mark.parametrize(
    ("timestamp", "written"),
    [
        (datetime(2026, 11, 1, 10, 15, tzinfo=UTC), b'"2026-11-01T10:15:00+00:00"'),
        (datetime(2026, 11, 1, 10, 15), b'"2026-11-01T10:15:00+00:00"'),  # noqa: DTZ001
        (1793528101, b"1793528101"),
        (AT, b'"2026-11-01T10:15:00Z"'),
    ],
)
def test_timestamps_are_moments_texts_or_epoch_seconds(timestamp: Any, written: bytes):
    assert b'"timestamp":' + written in only(timestamp=timestamp).sample


def test_what_pandas_has_no_value_for_is_absent():
    first, second = entries(
        pd.DataFrame([SAMPLE | {"of": 5.0, "cohort": "a"}, SAMPLE | {"of": None, "cohort": None}])
    )
    assert b'"of":5.0' in first.content.sample  # type: ignore[union-attr]
    assert isinstance(second.content, Flat)
    assert b"of" not in second.content.sample
    assert b"cohort" not in second.content.sample
    assert b"user_id" not in only(user_id="").sample


def test_decimals_are_numbers():
    assert b'"value":2.5' in only(value=Decimal("2.5")).sample


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"value": "three"}, "bad_value"),
        ({"value": float("inf")}, "bad_value"),
        ({"timestamp": True}, "bad_timestamp"),
        ({"cohort": 7}, "bad_schema"),
        ({"org_id": "acme"}, "bad_schema"),
        ({"metric_name": None}, "bad_schema"),
    ],
)
def test_a_row_that_cannot_be_published_is_refused_by_its_number(fields: dict[str, Any], reason: str):
    refused = only(**fields)
    assert isinstance(refused, RefusedLineError)
    assert refused.reason == reason


def test_columns_are_those_of_csv():
    with pytest.raises(CommandError, match="no column value"):
        entries(pd.DataFrame([{"timestamp": AT, "metric_name": "feature_usage"}]))
    with pytest.raises(CommandError, match="unknown column 'kohort'"):
        entries(pd.DataFrame([SAMPLE | {"kohort": "a"}]))


def test_what_is_no_parquet_file_is_said_so():
    with pytest.raises(CommandError, match=r"data\.parquet is no Parquet file"):
        ParquetRows(io.BytesIO(b"timestamp,metric_name,value\n"), "data.parquet")
