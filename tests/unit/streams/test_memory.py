"""What a worker remembers is bounded by bytes."""

import numpy as np
import pytest

from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.names import Metric
from metrics.users import EXACT, UserSet
from storage.partials import Held, SeriesHour
from streams.memory import PLAIN_BYTES, Cells, fit, weight
from tests.unit.streams.messages import ORG, PROJECT


def key(number: int) -> SeriesHour:
    return SeriesHour(ORG, PROJECT, number * 3600, Metric.FEATURE_USAGE, "", "")


def plain(*numbers: int) -> dict[SeriesHour, Held]:
    return {key(number): Held(Cell(1, 0, 1), 1) for number in numbers}


def crowded() -> Held:
    return Held(Cell(users=UserSet(np.arange(EXACT, dtype="<u8"))), 1)


def cells(*numbers: int) -> Cells:
    made = Cells()
    made.remember(plain(*numbers))
    return made


def hours(held: Cells) -> list[int]:
    return [series.hour // 3600 for series in held]


def test_a_set_of_users_weighs_what_it_takes():
    assert weight(crowded()) > EXACT * 8
    assert weight(Held(Cell(latency=LatencyBuckets({1: 1, 2: 5})), 1)) > PLAIN_BYTES + 100
    assert weight(Held(Cell(), 1)) == PLAIN_BYTES


def test_bytes_follow_what_is_remembered_replaced_and_forgotten():
    held = cells(1, 2, 3)
    assert held.bytes == 3 * PLAIN_BYTES
    held.remember({key(2): crowded()})
    assert held.bytes == 2 * PLAIN_BYTES + weight(crowded())
    held.remember(plain(2))
    assert held.bytes == 3 * PLAIN_BYTES
    held.clear()
    assert (held.bytes, len(held)) == (0, 0)


def test_the_windows_written_longest_ago_go_first():
    held = cells(1, 2, 3, 4)
    held.remember(plain(1))
    held.forget(2 * PLAIN_BYTES)
    assert hours(held) == [4, 1]


def test_the_partition_used_longest_ago_loses_first_and_only_what_is_over():
    idle, busy = cells(1, 2, 3, 4, 5), cells(6, 7, 8, 9, 10)
    assert fit([idle, busy], 10 * PLAIN_BYTES) == [0, 0]
    assert fit([idle, busy], 8 * PLAIN_BYTES) == [3, 0]
    assert (hours(idle), hours(busy)) == ([4, 5], [6, 7, 8, 9, 10])
    assert fit([idle, busy], 4 * PLAIN_BYTES) == [2, 2]
    assert (hours(idle), hours(busy)) == ([], [8, 9, 10])


@pytest.mark.parametrize("limit", [0, 1, PLAIN_BYTES])
def test_a_limit_below_one_chunk_forgets_all(limit: int):
    held = cells(1, 2)
    fit([held], limit)
    assert held.bytes <= limit
