from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from detectors.assumptions import Assumption
from detectors.bounds import Operator
from detectors.budget import MOST, Life, Shares, Thresholds
from detectors.plan import Test
from metrics.names import Metric

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
OLD = Life(NOON - timedelta(days=60), NOON - timedelta(days=60))


def on(days: int, *lives: Life, alarms: float = 1.0, approved_at: datetime = NOON) -> float:
    """Return the share that one approved at noon has so many days later."""
    return Shares(alarms, approved_at, lives, ZONE).on((NOON + timedelta(days=days)).date())


def test_those_live_as_the_day_begins_share_the_budget():
    own = Life(NOON, NOON)
    gone = Life(OLD.effective_from, OLD.approved_at, superseded_at=NOON + timedelta(days=3))
    assert [on(days, own, OLD, gone) for days in (0, 1, 3, 4)] == [1 / 2, 1 / 3, 1 / 3, 1 / 2]
    assert on(1, own, OLD, gone, alarms=12) == 4


def test_what_is_approved_later_takes_nothing_of_the_days_before_its_approval():
    own = Life(NOON - timedelta(days=30), NOON)
    same_day = Life(NOON - timedelta(days=30), NOON + timedelta(hours=3))
    later = Life(NOON - timedelta(days=30), NOON + timedelta(days=5))
    assert [on(days, own, same_day, later) for days in (-20, 4, 5)] == [1 / 2, 1 / 2, 1 / 3]
    # The later one itself knows of those before it.
    assert on(-20, own, same_day, later, approved_at=later.approved_at) == 1 / 3


def test_one_superseded_before_it_was_effective_never_counts_and_no_share_is_more_than_a_test_can_hold():
    own = Life(NOON, NOON)
    never = Life(NOON + timedelta(days=9), NOON, superseded_at=NOON + timedelta(days=2))
    assert [on(days, own, never) for days in (1, 20)] == [1, 1]
    assert on(1, own, alarms=365) == MOST


def test_days_begin_at_the_organisations_midnight():
    def share(day: int, own: datetime, other: Life) -> float:
        shares = Shares(1, own, [Life(OLD.effective_from, own), other], ZoneInfo("Europe/Berlin"))
        return shares.on(date(2026, 3, day))

    night = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)  # half past midnight in Berlin, on the 11th
    assert [share(day, OLD.approved_at, Life(night, OLD.approved_at)) for day in (11, 12)] == [1, 1 / 2]
    # Both on the 11th, there: neither is later.
    assert share(1, night, Life(OLD.effective_from, night + timedelta(hours=12))) == 1 / 2
    # One on the 11th, one on the 12th, of which that day is the first to count it.
    later = Life(OLD.effective_from, night + timedelta(days=1))
    assert [share(day, night + timedelta(hours=12), later) for day in (11, 12)] == [1, 1 / 2]


def test_the_threshold_of_a_day_is_that_of_its_share():
    assumption = Assumption(key="a", metric_name=Metric.USER_ADOPTION, operator=Operator.AT_LEAST, value=60)
    shares = Shares(1, NOON, [OLD, Life(NOON, NOON)], ZONE)
    thresholds = Thresholds(assumption, shares)
    days = [NOON.date() + timedelta(days=days) for days in (0, 1, 2)]
    alone, *both = [thresholds.on(day) for day in days]
    assert [alone, *both] == [Test.of(assumption).with_rate(shares.on(day)) for day in days]
    assert alone != both[0]
    assert both[0] is both[1]
