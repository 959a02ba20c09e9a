"""Which hours are taken out: borders of windows and of local days, and what a window is narrowed to."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from detectors.assumptions import Assumption
from detectors.exclusions import Exclusions, Window
from metrics.names import Metric

VIENNA, AUCKLAND, NEW_YORK, KOLKATA = map(
    ZoneInfo, ("Europe/Vienna", "Pacific/Auckland", "America/New_York", "Asia/Kolkata")
)
UTC_ZONE = ZoneInfo("UTC")


def assumption(metric: Metric = Metric.LATENCY_P50, cohort: str = "", feature: str = "") -> Assumption:
    return Assumption.model_validate(
        {
            "key": "one",
            "metric_name": metric,
            "cohort": cohort,
            "feature": feature,
            "operator": "<=",
            "value": 50,
        }
    )


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def exclusions(
    *windows: tuple[datetime, datetime], days: tuple[date, ...] = (), zone: ZoneInfo = UTC_ZONE
) -> Exclusions:
    return Exclusions.of(zone, assumption(), [Window(*window) for window in windows], days)


def covered(found: Exclusions, first: datetime, hours: int = 30) -> list[datetime]:
    return [
        hour for n in range(hours) if found.covers(hour := first.astimezone(UTC) + n * timedelta(hours=1))
    ]


@pytest.mark.parametrize(
    ("begins", "ends", "hours"),
    [
        (at(10), at(12), [10, 11]),
        (at(10, 59), at(11), [10]),
        (at(10, 59), at(11, 1), [10, 11]),
        (at(10, 20), at(10, 40), [10]),
        (at(10), at(10, 1), [10]),
    ],
)
def test_a_window_takes_out_each_hour_that_it_touches(begins: datetime, ends: datetime, hours: list[int]):
    assert covered(exclusions((begins, ends)), at(0)) == [at(hour) for hour in hours]


def test_nothing_is_taken_out_without_windows_and_holidays():
    assert covered(Exclusions(VIENNA), at(0)) == []


def test_windows_in_any_order_and_within_one_another_are_one():
    found = exclusions((at(10), at(11)), (at(5), at(9)), (at(6), at(7)), (at(11), at(12)), (at(5), at(6)))
    assert covered(found, at(0)) == [at(hour) for hour in (5, 6, 7, 8, 10, 11)]
    assert [(window.begins, window.ends) for window in found.windows] == [(at(5), at(9)), (at(10), at(12))]


def test_a_window_means_moments_whatever_time_zone_tells_them():
    there = timezone(timedelta(hours=9))
    found = exclusions((at(1).astimezone(there), at(3).astimezone(VIENNA)), zone=AUCKLAND)
    assert covered(found, at(0)) == [at(1), at(2)]


@pytest.mark.parametrize(
    ("zone", "day", "first", "hours"),
    [
        (UTC_ZONE, date(2026, 12, 25), datetime(2026, 12, 25, tzinfo=UTC), 24),
        (AUCKLAND, date(2026, 12, 25), datetime(2026, 12, 24, 11, tzinfo=UTC), 24),
        (NEW_YORK, date(2026, 12, 25), datetime(2026, 12, 25, 5, tzinfo=UTC), 24),
        (VIENNA, date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        (VIENNA, date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        # Its day begins at 18:30 UTC: the hour at 18:00 starts the day before.
        (KOLKATA, date(2026, 1, 26), datetime(2026, 1, 25, 19, tzinfo=UTC), 24),
    ],
    ids=str,
)
def test_a_holiday_takes_out_the_local_days_hours(zone: ZoneInfo, day: date, first: datetime, hours: int):
    found = covered(exclusions(days=(day,), zone=zone), first - timedelta(hours=12), 60)
    assert found == [first + n * timedelta(hours=1) for n in range(hours)]


@pytest.mark.parametrize(
    ("window", "concerned"),
    [
        ((None, "", ""), True),
        ((Metric.LATENCY_P50, "", ""), True),
        ((Metric.ERROR_RATE, "", ""), False),
        ((None, "mobile", ""), True),
        ((None, "desktop", ""), False),
        ((None, "", "F12"), True),
        ((None, "", "F13"), False),
        ((Metric.LATENCY_P50, "mobile", "F12"), True),
        ((Metric.LATENCY_P50, "mobile", "F13"), False),
        ((Metric.ERROR_RATE, "mobile", "F12"), False),
    ],
)
def test_a_window_of_some_series_concerns_assumptions_about_these(
    window: tuple[Metric | None, str, str], *, concerned: bool
):
    item = assumption(Metric.LATENCY_P50, "mobile", "F12")
    assert Window(at(0), at(1), *window).concerns(item) is concerned
    assert bool(Exclusions.of(VIENNA, item, [Window(at(0), at(1), *window)], ()).windows) is concerned


def test_an_assumption_about_all_has_what_is_disturbed_in_it():
    narrowed = Window(at(0), at(1), None, "mobile", "F12")
    assert narrowed.concerns(assumption())
    assert narrowed.concerns(assumption(cohort="mobile"))
    assert not narrowed.concerns(assumption(cohort="desktop"))


def test_windows_that_concern_nobody_do_not_join_those_that_do():
    windows = [Window(at(1), at(2)), Window(at(2), at(3), Metric.ERROR_RATE), Window(at(3), at(4))]
    found = Exclusions.of(UTC_ZONE, assumption(), windows, ())
    assert covered(found, at(0)) == [at(1), at(3)]
