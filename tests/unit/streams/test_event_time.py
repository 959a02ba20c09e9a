from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.event_time import NO_TIME, Moments, epoch_seconds, instant, kept_from

TEN = datetime(2026, 11, 1, 10, 15, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T10:15:00Z",
        "2026-11-01t10:15:00z",
        "2026-11-01 10:15:00Z",
        "2026-11-01T10:15:00.0Z",
        "2026-11-01T10:15:00.000000000Z",
        "2026-11-01T12:15:00+02:00",
        "2026-11-01T04:45:00-05:30",
        "2026-11-01T10:15:00-00:00",
    ],
)
def test_rfc_3339(text):
    assert epoch_seconds(text) == TEN


def test_fractions_count_to_microseconds():
    assert epoch_seconds("2026-11-01T10:15:00.25Z") == TEN + 0.25
    assert epoch_seconds("2026-11-01T10:15:00.999999999Z") == TEN + 0.999999


@pytest.mark.parametrize("number", [0, 1, 1793528100, 1793528100.25, 253402300799])
def test_epoch_seconds_are_taken_as_they_are(number):
    assert epoch_seconds(number) == number


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "yesterday",
        "2026-11-01",
        "2026-11-01T10:15:00",
        "2026-11-01T10:15Z",
        "2026-11-01T10:15:00+0200",
        "2026-11-01T10:15:00.Z",
        "2026-11-01T10:15:00.1234567890Z",
        "2026-13-01T10:15:00Z",
        "2026-02-29T10:15:00Z",
        "2026-11-01T24:00:00Z",
        "2026-11-01T10:15:00+24:00",
        "٢٠٢٦-11-01T10:15:00Z",
        "20261101T101500Z",
        "1793528100",
        " 2026-11-01T10:15:00Z",
        "2026-11-01T10:15:00Z\n",
        -1,
        -0.5,
        253402300800,
        1793528100000,
        10**30,
        float("inf"),
    ],
)
def test_neither(timestamp):
    assert epoch_seconds(timestamp) is None
    assert Moments()[timestamp] == NO_TIME


def test_what_lies_before_1970_is_no_time():
    assert Moments()["1969-12-31T23:59:59Z"] == NO_TIME
    assert Moments()["1970-01-01T00:00:00Z"] == 0


@given(st.floats(0, 253402300799))
def test_a_moment_is_known_again(at):
    moments = Moments()
    assert moments[at] == moments[at] == at
    assert len(moments) == 1


def test_an_instant_is_aware():
    assert instant(TEN) == datetime(2026, 11, 1, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "days", "kept"),
    [
        ("2026-11-23T08:00:00Z", 35, "2026-10-01T00:00:00Z"),
        ("2026-11-05T00:00:00Z", 35, "2026-10-01T00:00:00Z"),
        ("2026-11-04T23:59:59Z", 35, "2026-09-01T00:00:00Z"),
        ("2028-03-31T12:00:00Z", 366, "2027-03-01T00:00:00Z"),
    ],
)
def test_a_month_is_kept_as_long_as_any_of_it_is_within_the_retention(now, days, kept):
    assert kept_from(seconds(now), days * 86400.0) == seconds(kept)


def test_without_a_retention_all_is_kept():
    assert kept_from(TEN, None) == 0


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
