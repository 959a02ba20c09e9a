"""What cumulative series added is a function of the set of their points: any order, any split, any repeat."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.otlp_rules import PointKind
from streams.otlp.differences import Course, Last
from streams.otlp.readings import Explicit, Exponential, Reading, since

HOUR = 3600
NANO = 1_000_000_000
WEEK = 7 * 86400 * NANO
Point = tuple[int, int]
"""Minutes since the start of the first hour, and the total then."""

minutes = st.integers(0, 8 * 60)
points = st.lists(st.tuples(minutes, st.integers(0, 50)), min_size=1, max_size=20)


def last(minute: int, total: int) -> tuple[int, Last]:
    reading = Reading(total)
    at = minute * 60
    return at // HOUR * HOUR, Last(at * NANO, msgspec.msgpack.encode(reading), reading)


def added(course: Course, chunks: Sequence[Sequence[Point]]) -> Counter[int]:
    """Return what each hour added; of what is kept, only what lies about a chunk is looked at."""
    kept: dict[int, Last] = {}
    total: Counter[int] = Counter()
    for chunk in chunks:
        new = [last(*point) for point in chunk]
        newer, changes = course.placed(_about(kept, [hour for hour, _ in new]), new)
        for change in changes:
            total[change.hour] += (change.now.micro if change.now else 0) or 0
            total[change.hour] -= (change.was.micro if change.was else 0) or 0
        kept |= newer
    return total


def _about(kept: dict[int, Last], hours: list[int]) -> dict[int, Last]:
    low = max((hour for hour in kept if hour < min(hours)), default=min(hours))
    high = min((hour for hour in kept if hour > max(hours)), default=max(hours))
    return {hour: each for hour, each in kept.items() if low <= hour <= high}


def plainly(points: Sequence[Point], *, monotonic: bool, from_zero: bool) -> Counter[int]:
    """The same from all points at once, in the plainest way: the last of each hour, in order."""
    lasts: dict[int, Point] = {}
    for minute, total in sorted(points, key=lambda each: (each[0], msgspec.msgpack.encode(Reading(each[1])))):
        lasts[minute // 60 * HOUR] = (minute, total)
    found: Counter[int] = Counter()
    before = 0 if from_zero else None
    for hour, (_, total) in sorted(lasts.items()):
        if before is not None:
            found[hour] = total if monotonic and total < before else total - before
        before = total
    return found


@settings(deadline=None)
@given(
    points,
    st.randoms(use_true_random=False),
    st.sampled_from([PointKind.COUNTER, PointKind.UP_DOWN_COUNTER]),
    st.sampled_from([0, 1]),
)
def test_any_order_split_and_repeat_adds_the_same(
    points: list[Point], random: Random, kind: PointKind, started: int
):
    course = Course(kind, started, WEEK)
    sent = [*points, *random.choices(points, k=3)]
    random.shuffle(sent)
    chunks = []
    while sent:
        size = random.randrange(1, 6)
        chunks.append(sent[:size])
        del sent[:size]
    assert added(course, chunks) == plainly(
        points, monotonic=kind is PointKind.COUNTER, from_zero=started > 0
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=12))
def test_a_counter_that_only_grows_adds_up_to_its_last_total(steps: list[int]):
    totals = [(place * 25, sum(steps[: place + 1])) for place in range(len(steps))]
    assert added(Course(PointKind.COUNTER, 1, WEEK), [totals]).total() == sum(steps)


def test_the_first_point_counts_from_zero_only_where_its_start_is_known_and_not_too_old():
    at = 100 * 86400 * NANO
    first = Last(at, b"", Reading(7))
    hour = at // NANO
    for started, counts in ((0, False), (at - WEEK - 1, False), (at - WEEK, True), (at, True)):
        _, changes = Course(PointKind.COUNTER, started, WEEK).placed({}, [(hour, first)])
        assert [change.now for change in changes] == ([Reading(7)] if counts else [])


def test_of_two_points_of_one_time_the_same_one_holds_whichever_came_first():
    one, two = last(10, 5), last(10, 9)
    course = Course(PointKind.COUNTER, 1, WEEK)
    assert added(course, [[(10, 5)], [(10, 9)]]) == added(course, [[(10, 9)], [(10, 5)]])
    assert course.placed({}, [one, two]) == course.placed({}, [two, one])


histogram = st.lists(st.integers(0, 5), min_size=3, max_size=3)


@settings(deadline=None)
@given(st.lists(histogram, min_size=1, max_size=6))
def test_buckets_add_up_to_the_last_ones(steps: list[list[int]]):
    course, found = Course(PointKind.HISTOGRAM, 1, WEEK), Counter[int]()
    kept: dict[int, Last] = {}
    totals = [0, 0, 0]
    for place, step in enumerate(steps):
        totals = [total + more for total, more in zip(totals, step, strict=True)]
        reading = Reading(0, sum(totals), Explicit((1.0, 2.0), tuple(totals)))
        hour = place * HOUR
        newer, changes = course.placed(
            kept, [(hour, Last((hour + 1) * NANO, msgspec.msgpack.encode(reading), reading))]
        )
        kept |= newer
        for change in changes:
            assert change.now is not None
            assert isinstance(change.now.buckets, Explicit)
            found.update(dict(enumerate(change.now.buckets.counts)))
    assert found == Counter(dict(enumerate(totals)))


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(-40, 40), st.integers(1, 9), max_size=6),
    st.dictionaries(st.integers(-40, 40), st.integers(1, 9), max_size=6),
    st.integers(0, 3),
)
def test_exponential_histograms_are_differenced_at_the_coarser_scale(
    before: dict[int, int], more: dict[int, int], shrunk: int
):
    def reading(counts: Counter[int], scale: int) -> Reading:
        return Reading(0, counts.total(), Exponential(scale, 0, 0, dict(counts)))

    def coarse(counts: dict[int, int]) -> Counter[int]:
        found: Counter[int] = Counter()
        for index, count in counts.items():
            found[index // 2**shrunk] += count
        return found

    old, new = Counter(before), coarse(before) + coarse(more)
    came = since(PointKind.EXPONENTIAL_HISTOGRAM, reading(old, 5), reading(new, 5 - shrunk))
    assert came.count == sum(more.values())
    assert came.buckets == Exponential(5 - shrunk, 0, 0, dict(coarse(more)))
