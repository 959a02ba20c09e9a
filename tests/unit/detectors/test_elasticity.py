import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.elasticity import Episode, Identification, estimate


def test_two_prices_give_the_arc_elasticity():
    found = estimate([Episode(10, 40), Episode(20, 20)])
    assert found.status is Identification.IDENTIFIED
    assert found.value == pytest.approx(-1)


@given(st.floats(-3, 1), st.lists(st.floats(1, 100), min_size=2, max_size=8, unique=True))
def test_demand_of_constant_elasticity_gives_it_back(elasticity, prices):
    episodes = [Episode(price, 50 * price**elasticity, weight=price) for price in prices]
    found = estimate(episodes)
    if max(prices) / min(prices) < 1.01:
        assert found.value is None
    else:
        assert found.value == pytest.approx(elasticity, abs=1e-6)


def test_the_longer_episode_counts_more():
    short = [Episode(10, 40), Episode(20, 20), Episode(40, 40, weight=1)]
    long = [*short[:2], Episode(40, 40, weight=50)]
    one, other = estimate(short).value, estimate(long).value
    assert one == pytest.approx(0, abs=1e-9)
    assert other is not None
    assert other > 0.1


@pytest.mark.parametrize(
    ("episodes", "reason"),
    [
        ([], "the price has not changed"),
        ([Episode(10, 40)], "the price has not changed"),
        ([Episode(10, 40), Episode(10.09, 30)], "the price has not changed"),
        ([Episode(10, 40), Episode(20, 0)], "no demand at all"),
    ],
)
def test_without_prices_that_differ_nothing_is_known(episodes, reason):
    found = estimate(episodes)
    assert (found.status, found.value) == (Identification.NOT_IDENTIFIABLE, None)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("price", "demand", "weight"), [(0, 1, 1), (1, -1, 1), (1, 1, 0), (float("nan"), 1, 1)]
)
def test_an_impossible_episode_is_refused(price, demand, weight):
    with pytest.raises(ValueError, match="price > 0"):
        Episode(price, demand, weight)
