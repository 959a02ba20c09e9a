"""What any order, any partition and any repeat rest on, beside test_cell and test_users."""

from collections.abc import Sequence
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.cell import Cell
from metrics.latency import LatencyBuckets
from metrics.users import EXACT, UserSet
from tests.unit.metrics.test_cell import KEY, cells

PARTITIONS = 4
revisions = st.lists(st.tuples(st.integers(0, PARTITIONS - 1), cells()), max_size=12)
State = dict[int, tuple[int, Cell]]


def written(states: Sequence[tuple[int, int, Cell]]) -> State:
    """What `partial` holds of one series: by source partition the newest revision, absolute."""
    held: State = {}
    for partition, revision, cell in states:
        if partition not in held or held[partition][0] < revision:
            held[partition] = (revision, cell)
    return held


def merged(held: State) -> Cell:
    return reduce(Cell.__or__, (cell for _, cell in held.values()), Cell())


def absolute(contributions: Sequence[tuple[int, Cell]]) -> list[tuple[int, int, Cell]]:
    """Each contribution as its partition writes it: what it added up so far, a revision later."""
    states: list[tuple[int, int, Cell]] = []
    held: State = {}
    for partition, cell in contributions:
        revision, before = held.get(partition, (0, Cell()))
        held[partition] = (revision + 1, before | cell)
        states.append((partition, *held[partition]))
    return states


@settings(deadline=None, max_examples=60)
@given(revisions, st.randoms(use_true_random=False), st.data())
def test_writes_of_a_partition_may_come_again_and_in_any_order(contributions, random, data):
    whole = reduce(Cell.__or__, (cell for _, cell in contributions), Cell())
    states = absolute(contributions)
    assert merged(written(states)) == whole
    again = [*states, *data.draw(st.lists(st.sampled_from(states), max_size=6) if states else st.just([]))]
    random.shuffle(again)
    assert merged(written(again)) == whole


@settings(deadline=None, max_examples=60)
@given(st.lists(cells(), max_size=8), st.randoms(use_true_random=False))
def test_which_partition_a_contribution_came_by_decides_nothing(parts, random):
    whole = reduce(Cell.__or__, parts, Cell())
    spread = [(random.randrange(PARTITIONS), cell) for cell in parts]
    random.shuffle(spread)
    assert merged(written(absolute(spread))) == whole


@given(st.lists(st.floats(0, 1e12), max_size=20), st.lists(st.floats(0, 1e12), max_size=20))
def test_buckets_of_parts_are_those_of_the_whole(one, other):
    together = LatencyBuckets.of(one) | LatencyBuckets.of(other)
    assert together.to_bytes() == LatencyBuckets.of([*other, *one]).to_bytes()


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3 * EXACT), st.integers(1, 24))
def test_a_user_in_many_hours_is_one_user_of_the_day(users, hours):
    """Hour by hour all of them come again: the day has no more than the hour."""
    names = [f"u{number}" for number in range(users)]
    hour = Cell(samples=users, users=UserSet.of(names, KEY), positive=UserSet.of(names[::2], KEY))
    day = reduce(Cell.__or__, [hour] * hours)
    assert (day.users, day.positive) == (hour.users, hour.positive)
    assert day.users.count() == hour.users.count()
    assert day.samples == users * hours
