"""The test of an elasticity: when seeded demand is told, and what must not change it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.assumptions import Assumption
from detectors.bounds import Operator
from detectors.elasticity import LEAST_DAYS, NO_CHANGE, TOO_EARLY, Path, PricedDay, Test, Verdict, verdicts
from detectors.verdicts import Status
from metrics.names import Metric
from tests.unit.detectors.prices import START, TEN_DEARER, assumed, demand


def follow(test: Test, days: Iterable[PricedDay], alarms: float = 0.1) -> list[Verdict]:
    return verdicts(test, Path(test, days), lambda _day: alarms)


def events(found: Sequence[Verdict]) -> list[tuple[int, str]]:
    """Return each change of status, by the number of the day."""
    first = [(0, str(found[0].status))]
    changes = [(n, str(b.status)) for n, (a, b) in enumerate(pairwise(found), 1) if a.status != b.status]
    return first + changes


@pytest.mark.parametrize(
    ("elasticity", "expected"),
    [
        (-2.4, [(66, "OK")]),
        (-1.2, [(66, "OK")]),
        (-0.9, [(66, "WATCH"), (70, "DIVERGED")]),
        (-0.6, [(66, "DIVERGED")]),
        (0.0, [(66, "DIVERGED")]),
    ],
)
def test_the_days_on_which_seeded_demand_changes_what_is_known(elasticity, expected):
    before = [(0, "NOT_IDENTIFIABLE"), (60, "LEARNING")]
    assert events(follow(assumed(), demand(TEN_DEARER, elasticity))) == before + expected


def test_a_breach_that_passes_is_resolved_once_and_told_no_second_time():
    # For a fortnight after the first change nobody minds the price; then they do, and later ones at once.
    later = [10.0] * 74 + ([12.0] * 40 + [10.0] * 40) * 2
    days = demand(later, -1.2)
    days = [replace(day, price=12.0) if 60 <= n < 74 else day for n, day in enumerate(days)]
    told = follow(assumed(value=-0.8), days)
    assert events(told)[2:] == [(66, "DIVERGED"), (194, "RESOLVED"), (195, "OK")]
    assert [n for n, verdict in enumerate(told) if verdict.notify] == [66]
    assert [n for n, verdict in enumerate(told) if verdict.resolve] == [194]


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (assumed("<=", -1.2), [66]),
        (assumed("<=", -1.2, 0.4), [66]),
        (assumed("<=", -1.2, 0.8), []),
        (assumed("<=", -0.5), []),
        (assumed(">=", -1.2), []),
        (assumed(">=", -0.1), [66]),
        (assumed("within", -1.2, 0.2), [66]),
        (assumed("within", -0.5, 0.3), []),
    ],
)
def test_direction_and_tolerance_are_honoured(test, told):
    days = demand([10.0] * 60 + [12.5] * 60, -0.5)
    assert [n for n, verdict in enumerate(follow(test, days)) if verdict.notify] == told


@pytest.mark.parametrize(
    ("prices", "demanded", "reason"),
    [
        ([10.0] * 90, 500.0, NO_CHANGE),
        ([10.0] * 45 + [10.09] * 45, 500.0, NO_CHANGE),
        ([10.0] * 45 + [20.0] * 45, 0.0, NO_CHANGE),  # no day with demand is left at the second price
        ([10.0] * 40 + [20.0] * 6, 500.0, TOO_EARLY),
    ],
)
def test_without_prices_that_differ_nothing_is_known_and_that_is_not_ok(prices, demanded, reason):
    days = demand(prices, -1.2)
    days = [replace(day, demand=demanded) if day.price != prices[0] else day for day in days]
    verdict = follow(assumed(), days)[-1]
    assert verdict.status is (Status.LEARNING if reason == TOO_EARLY else Status.NOT_IDENTIFIABLE)
    assert (verdict.look.estimate, verdict.look.reason) == (None, reason)
    assert not verdict.notify


def test_a_change_of_one_percent_and_a_fortnight_are_enough():
    days = demand([10.0] * LEAST_DAYS + [10.1] * LEAST_DAYS, -1.2)
    assert [verdict.status for verdict in follow(assumed(), days)][-2:] == [Status.LEARNING, Status.OK]


def test_without_any_day_nothing_is_said():
    assert follow(assumed(), []) == []


def test_the_budget_sets_the_threshold_and_two_sides_share_it():
    assert assumed().threshold(0.1) == pytest.approx(36.5)
    assert assumed().threshold(0.02) == pytest.approx(5 * 36.5)
    assert assumed().threshold(1) == 20
    assert assumed("within", -1.2, 0.2).threshold(0.1) == 2 * assumed().threshold(0.1)
    days = demand(TEN_DEARER, -0.9)
    told = [
        next(n for n, verdict in enumerate(follow(assumed(), days, alarms)) if verdict.notify)
        for alarms in (1, 0.1, 0.02)
    ]
    assert told == sorted(told)
    assert told[0] < told[-1]


def test_the_interval_holds_the_estimate_and_narrows():
    path = Path(assumed(), demand(TEN_DEARER, -0.6))
    looks = [look for look in path.looks() if look.estimate is not None]
    spans = [path.interval(look.day) for look in looks[::15]]
    for look, (low, high) in zip(looks[::15], spans, strict=True):
        assert look.estimate is not None
        assert low < look.estimate < high
        assert low < -0.6 < high
    widths = [high - low for low, high in spans]
    assert widths[-1] < widths[0] * 0.95


@pytest.mark.parametrize("trend", [-0.03, -0.01, 0.01, 0.03])
def test_a_trend_is_not_taken_for_the_prices_doing(trend):
    test = assumed("within", -1.2, 0.1)
    days = demand(TEN_DEARER, -1.2, trend=trend)
    assert not any(verdict.notify for verdict in follow(test, days))
    low, high = Path(test, days).interval(days[-1].day)
    assert low < -1.2 < high


def test_the_configuration_names_what_is_tested():
    hashes = {test.configuration for test in (assumed(), assumed(">="), assumed(value=-1.1), assumed())}
    assert len(hashes) == 3


@pytest.mark.parametrize(("price", "amount"), [(0, 1), (1, -1), (float("nan"), 1), (1, float("inf"))])
def test_an_impossible_day_is_refused(price, amount):
    with pytest.raises(ValueError, match="a price above 0"):
        PricedDay(START, price, amount)


def test_a_day_given_twice_is_refused():
    day = PricedDay(START, 10, 1)
    with pytest.raises(ValueError, match="twice"):
        Path(assumed(), [day, replace(day, demand=2)])


def test_an_assumption_that_is_tested_by_days_is_refused():
    adoption = Assumption(key="a", metric_name=Metric.USER_ADOPTION, operator=Operator.AT_LEAST, value=60)
    with pytest.raises(ValueError, match="only an elasticity"):
        Test.of(adoption)


episodes = st.lists(st.tuples(st.floats(5, 50), st.integers(5, 40)), min_size=2, max_size=4)
elasticities = st.floats(-3, 0.5)
seeds = st.integers(9_500_000, 9_600_000)
few = settings(max_examples=15, deadline=None)


def history(found: list[tuple[float, int]], elasticity: float, seed: int) -> list[PricedDay]:
    return demand([price for price, length in found for _ in range(length)], elasticity, seed=seed)


@given(episodes, elasticities, seeds, st.randoms())
@few
def test_the_order_in_which_days_are_given_is_irrelevant(found, elasticity, seed, random):
    days = history(found, elasticity, seed)
    expected = follow(assumed(), days)
    random.shuffle(days)
    assert follow(assumed(), days) == expected


@given(episodes, elasticities, seeds, st.integers(1, 100))
@few
def test_what_was_said_stays_said_to_the_bit(found, elasticity, seed, until):
    days = history(found, elasticity, seed)
    assert follow(assumed(), days)[:until] == follow(assumed(), days[:until])


def same(one: Sequence[Verdict], other: Sequence[Verdict], sign: int = 1) -> None:
    assert [each.look.reason for each in one] == [each.look.reason for each in other]
    for this, that in zip(one, other, strict=True):
        assert this.e_value == pytest.approx(that.e_value, rel=1e-3, abs=1e-9)
        if this.look.estimate is not None and that.look.estimate is not None:
            assert this.look.estimate == pytest.approx(sign * that.look.estimate, rel=1e-4, abs=1e-6)


@given(episodes, elasticities, seeds, st.sampled_from([0.01, 1.17, 150.0]))
@few
def test_currency_and_unit_of_demand_change_nothing(found, elasticity, seed, rate):
    days = history(found, elasticity, seed)
    exchanged = [PricedDay(day.day, day.price * rate, day.demand / rate) for day in days]
    same(follow(assumed(), days), follow(assumed(), exchanged))


@given(episodes, elasticities, seeds)
@few
def test_mirrored_demand_mirrors_the_verdicts(found, elasticity, seed):
    days = history(found, elasticity, seed)
    mirrored = [replace(day, demand=1 / day.demand) for day in days]
    same(follow(assumed("<=", -1.2), days), follow(assumed(">=", 1.2), mirrored), sign=-1)


@given(episodes, elasticities, seeds)
@few
def test_the_order_of_episodes_is_irrelevant_in_the_end(found, elasticity, seed):
    # Time backwards: the prices in reverse order, and the noise with them.
    days = history(found, elasticity, seed)
    last = days[-1].day.toordinal()
    backwards = [replace(day, day=date.fromordinal(last - day.day.toordinal() + 700_000)) for day in days]
    same(follow(assumed(), days)[-1:], follow(assumed(), backwards)[-1:])


@given(seeds, st.lists(st.floats(-1.2, 0.0), min_size=2, max_size=4))
@few
def test_the_wider_the_gap_the_more_the_evidence(seed, found):
    values = [
        follow(assumed(), demand(TEN_DEARER, each, seed=seed))[-1].look.evidence for each in sorted(found)
    ]
    # Far beyond what tells a breach the estimate of the noise, which a wide gap widens, decides how far.
    most = assumed().threshold(0.1)
    evidence = [min(value[0], most) for value in values if value]
    assert evidence == sorted(evidence)
