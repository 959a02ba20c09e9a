"""Lengths of time as people write them."""

from datetime import timedelta

import pytest

from routing.spans import spelt


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (30, "30s"), (90, "90s"), (5400, "90m"), (3600, "1h"), (86400, "1d"), (0.5, "0.5s")],
)
def test_lengths_of_time(seconds: float, text: str):
    assert spelt(timedelta(seconds=seconds)) == text
