from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from metrics.cell import Cell, Measure
from metrics.fixed import from_decimal, sum_micro, to_decimal
from metrics.latency import LatencyBuckets
from metrics.names import KINDS, Kind, Metric
from metrics.users import UserSet

KEY = b"k" * 32
names = st.lists(st.sampled_from([f"u{number}" for number in range(30)]), max_size=8)
micro = st.integers(0, 10**18)


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    users = draw(names)
    return Cell(
        draw(micro),
        draw(micro),
        draw(st.integers(0, 10**6)),
        UserSet.of(users, KEY),
        UserSet.of(users[::2], KEY),
        LatencyBuckets.of(draw(st.lists(st.floats(0, 1e12), max_size=5))),
    )


@given(cells(), cells(), cells())
def test_merging_is_associative_and_commutative_and_nothing_is_neutral(a, b, c):
    assert (a | b) | c == a | (b | c)
    assert a | b == b | a
    assert a | Cell() == a == Cell() | a


@given(st.sampled_from(Metric), st.integers(0, 10**9), st.integers(0, 10**9), names)
def test_a_telemetry_row_restores_the_cell_it_was_made_of(metric, value, of, users):
    kind = KINDS[metric]
    known, positive = UserSet.of(users, KEY), UserSet.of(users[:3], KEY)
    cell = Cell(
        0 if kind is Kind.MEDIAN else value,
        of if kind is Kind.RATE else 0,
        len(users) + 1,
        known,
        positive if kind is Kind.RATE else UserSet(),
        LatencyBuckets.of([value]) if kind is Kind.MEDIAN else LatencyBuckets(),
    )
    measure = cell.measure(metric) or Measure(Decimal(0), None, None)
    sketches = (cell.users.to_bytes(), cell.positive.to_bytes(), cell.latency.to_bytes())
    restored = Cell.restored(metric, (measure.numerator, measure.denominator), cell.samples, sketches)
    if kind is Kind.RATE and not of and not users:
        return  # nothing to divide by: such an hour has no row
    assert restored == cell
    assert restored.measure(metric) == cell.measure(metric)


def test_a_rate_is_of_sums_and_of_users_together():
    cell = Cell(
        value_micro=30_000_000,
        of_micro=96_000_000,
        samples=9,
        users=UserSet.of(["a", "b", "c", "d"], KEY),
        positive=UserSet.of(["a", "b"], KEY),
    )
    assert cell.measure(Metric.USER_ADOPTION) == Measure(Decimal("32.000000"), Decimal(32), Decimal(100))


def test_rates_are_rounded_half_even_to_six_places():
    assert Cell(value_micro=1, of_micro=3).measure(Metric.ERROR_RATE) == Measure(
        Decimal("33.333333"), Decimal("0.000001"), Decimal("0.000003")
    )


def test_what_has_nothing_to_divide_by_or_take_the_median_of_has_no_value():
    assert Cell(samples=3).measure(Metric.RETENTION) is None
    assert Cell(samples=3).measure(Metric.LATENCY_P50) is None
    assert Cell(samples=3).measure(Metric.FEATURE_USAGE) == Measure(Decimal(0), Decimal(0), None)


@given(st.lists(st.decimals(0, 10**9, allow_nan=False, places=6), max_size=50))
def test_sums_are_exact(values):
    # Up to there a float holds millionths with room to spare.
    assert to_decimal(sum_micro([float(value) for value in values])) == sum(values, Decimal(0))


@given(st.lists(st.floats(0, 1e12), max_size=50))
def test_sums_are_those_of_their_parts_in_any_order(values):
    assert sum_micro(values) == sum(sum_micro([value]) for value in reversed(values))


def test_sums_beyond_64_bits_are_exact_too():
    assert sum_micro([1e12] * 20) == 20 * 10**18


def test_the_door_rounds_half_even():
    assert sum_micro([0.0000005, 0.0000015, 2.5e-6]) == 0 + 2 + 2


@given(micro)
def test_decimals_come_back(value):
    assert from_decimal(to_decimal(value)) == value
