from datetime import date, timedelta

from storage.periods import EVERY, Span, about, months, weeks

DAY = timedelta(days=1)


def test_a_day_of_utc_has_parts_of_three_local_days():
    assert about([date(2026, 11, 2)]) == [Span(date(2026, 11, 1), date(2026, 11, 3))]


def test_spans_neither_meet_nor_overlap():
    days = [date(2026, 11, 5), date(2026, 11, 2), date(2026, 11, 20)]
    assert about(days) == [
        Span(date(2026, 11, 1), date(2026, 11, 6)),
        Span(date(2026, 11, 19), date(2026, 11, 21)),
    ]


def test_weeks_are_those_of_iso_across_the_year():
    assert weeks([Span(date(2026, 12, 30), date(2027, 1, 1))]) == [
        Span(date(2026, 12, 28), date(2027, 1, 3)),
    ]


def test_two_spans_in_one_month_are_one():
    spans = about([date(2028, 2, 3), date(2028, 2, 20)])
    assert months(spans) == [Span(date(2028, 2, 1), date(2028, 2, 29))]
    assert months(about([date(2026, 12, 31)])) == [Span(date(2026, 12, 1), date(2027, 1, 31))]


def test_every_day_of_some_years_is_in_its_week_and_month_and_these_are_whole():
    for number in range(1500):
        day = date(2023, 12, 1) + number * DAY
        [week], [month] = weeks([Span(day, day)]), months([Span(day, day)])
        assert week.first <= day <= week.last
        assert (week.first.isoweekday(), week.last.isoweekday()) == (1, 7)
        assert month.first <= day <= month.last
        assert (month.first.day, (month.last + DAY).day, month.last.month) == (1, 1, day.month)


def test_all_days_are_all_weeks_and_months():
    assert weeks([EVERY]) == months([EVERY]) == [EVERY]
