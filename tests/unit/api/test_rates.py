import pytest

from api.rates import Rates
from api.windows import Windows


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_window_allows_its_quota_and_then_waits_for_the_next(clock: Clock):
    rates = Rates("3/minute", clock)
    spent = [rates.spend("caller", "ann") for _ in range(4)]
    assert [each.allowed for each in spent] == [True, True, True, False]
    assert [each.remaining for each in spent] == [2, 1, 0, 0]
    clock.now += 59.5
    last = rates.spend("caller", "ann")
    assert (last.allowed, last.reset) == (False, 1)
    clock.now += 0.5
    assert rates.spend("caller", "ann").allowed


def test_callers_are_counted_apart_and_so_are_policies(clock: Clock):
    rates = Rates("1/minute", clock)
    assert rates.spend("caller", "ann").allowed
    assert rates.spend("caller", "bob").allowed
    assert rates.spend("address", "ann").allowed
    assert not rates.spend("caller", "ann").allowed


def test_the_headers_are_those_of_the_draft(clock: Clock):
    spent = Rates("100 per 10 seconds", clock).spend("caller", "ann")
    assert spent.headers() == {"RateLimit-Policy": '"caller";q=100;w=10', "RateLimit": '"caller";r=99;t=10'}


def test_memory_is_bounded_and_the_oldest_window_is_forgotten_first(clock: Clock):
    windows = Windows(clock, most=3)
    for key in ("a", "b", "c", "a", "d"):
        windows.incr(key, 60)
    assert [windows.get(key) for key in ("a", "b", "c", "d")] == [0, 1, 1, 1]
    assert windows.reset() == 3


def test_a_window_that_began_anew_is_not_the_oldest(clock: Clock):
    windows = Windows(clock, most=2)
    windows.incr("a", 1)
    windows.incr("b", 60)
    clock.now += 2
    windows.incr("a", 60)
    windows.incr("c", 60)
    assert [windows.get(key) for key in ("a", "b", "c")] == [1, 0, 1]
