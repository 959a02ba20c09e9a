"""When alerts wait: against a reference that looks at the clock on the wall minute by minute."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing.calm import LOOK_AHEAD, Silence, Window, WindowKind, held, louder
from routing.matchers import Matchers, Target
from routing.severity import Severity

PROJECT, OTHER = UUID(int=1), UUID(int=2)
TARGET = Target(PROJECT, metric_name="retention")
ALL, MINE, NOT_MINE = Matchers(), Matchers(project_id=(PROJECT,)), Matchers(project_id=(OTHER,))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY_DAY = frozenset(range(1, 8))
VIENNA = ZoneInfo("Europe/Vienna")
# Half an hour, midnight there and back, a day that never was, an offset of 45 minutes, none at all.
ZONES = (
    *("Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana"),
    *("America/Santiago", "Pacific/Apia", "Pacific/Chatham", "UTC"),
)
YEARS = {"Pacific/Apia": 2011}


def named(name: str) -> UUID:
    return uuid5(PROJECT, name)


def window(name: str = "nights", **more: object) -> Window:
    values: dict[str, object] = {
        "kind": WindowKind.QUIET_HOURS,
        "matchers": ALL,
        "zone": VIENNA,
        "weekdays": EVERY_DAY,
        "from_time": time(22),
        "to_time": time(6),
    }
    return Window(named(name), name, **{**values, **more})  # type: ignore[arg-type]


def silence(starts: datetime, ends: datetime, **more: object) -> Silence:
    return Silence(named("silence"), **{"matchers": ALL, "starts_at": starts, "ends_at": ends, **more})  # type: ignore[arg-type]


def until(
    at: datetime, *holding: Silence | Window, severity: Severity = Severity.CRITICAL
) -> datetime | None:
    silences = [each for each in holding if isinstance(each, Silence)]
    windows = [each for each in holding if isinstance(each, Window)]
    found = held(TARGET, severity, silences, windows, at)
    return None if found is None else found.until


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """The hours before a zone's clocks are set, within two years."""
    place, at = ZoneInfo(zone), datetime(YEARS.get(zone, 2026), 1, 1, tzinfo=UTC)
    hours = [at + n * HOUR for n in range(2 * 366 * 24)]
    offsets = [hour.astimezone(place).utcoffset() for hour in hours]
    found = [hours[n] for n in range(len(hours) - 1) if offsets[n] != offsets[n + 1]]
    return tuple(found or hours[5000:5001])


def shown(each: Window, at: datetime) -> bool:
    """Whether the clock on the wall shows a time in the window."""
    local = at.astimezone(each.zone)
    now = local.hour * 60 + local.minute
    begins, ends = (moment.hour * 60 + moment.minute for moment in (each.from_time, each.to_time))

    def one_of(day: date) -> bool:
        first, last = each.first_day or date.min, each.last_day or date.max
        return day.isoweekday() in each.weekdays and first <= day <= last

    today, yesterday = one_of(local.date()), one_of(local.date() - DAY)
    if begins < ends:
        return begins <= now < ends and today
    return (now >= begins and today) or (now < ends and yesterday)


def holds(each: Silence | Window, at: datetime) -> bool:
    if isinstance(each, Window):
        return shown(each, at)
    return each.starts_at <= at < min(each.ends_at, each.ended_at or each.ends_at)


def by_the_minute(at: datetime, holding: list[Silence | Window], most: timedelta) -> datetime | None:
    """The first minute in which nothing holds; None where that is `at`."""
    moment = at
    while moment < at + most and any(holds(each, moment) for each in holding):
        moment += MINUTE
    return None if moment == at else moment


minutes = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))
# Around the hours in which clocks are set.
nightly = st.integers(0, 4 * 60).map(lambda n: time((23 + n // 60) % 24, n % 60))
times = st.one_of(nightly, minutes)


@st.composite
def cases(draw: st.DrawFn) -> tuple[datetime, list[Silence | Window]]:
    zone = draw(st.sampled_from(ZONES))
    change = draw(st.sampled_from(changes(zone)))
    at = change + draw(st.integers(-20 * 60, 20 * 60)) * MINUTE
    local = at.astimezone(ZoneInfo(zone)).date()
    bounds = st.none() | st.integers(-2, 2).map(lambda n: local + n * DAY)
    windows = [
        window(
            f"window {n}",
            zone=ZoneInfo(draw(st.sampled_from((zone, zone, *ZONES)))),
            weekdays=draw(st.frozensets(st.integers(1, 7), min_size=4)),
            from_time=draw(times),
            to_time=draw(times),
            first_day=draw(bounds),
            last_day=draw(bounds),
        )
        for n in range(draw(st.integers(0, 3)))
    ]
    silences = [
        silence(
            starts,
            starts + draw(st.integers(1, 2000)) * MINUTE,
            ended_at=draw(st.none() | st.just(at + HOUR)),
        )
        for starts in draw(st.lists(st.integers(-900, 900).map(lambda n: at + n * MINUTE), max_size=2))
    ]
    return at, [*windows, *silences]


@given(cases())
@settings(max_examples=250, deadline=None)
@example((datetime(2026, 3, 28, 12, tzinfo=UTC), [window(from_time=time(2, 15), to_time=time(2, 45))]))
def test_it_is_what_a_clock_on_the_wall_says(case: tuple[datetime, list[Silence | Window]]):
    at, holding = case
    most = 4 * DAY
    expected, found = by_the_minute(at, holding, most), until(at, *holding)
    if expected == at + most:
        assert found is not None
        assert found >= expected
    else:
        assert found == expected


@given(cases())
@settings(max_examples=100, deadline=None)
def test_asking_again_at_its_end_finds_it_free(case: tuple[datetime, list[Silence | Window]]):
    at, holding = case
    found = until(at, *holding)
    if found is not None:
        assert found > at
        if found < at + LOOK_AHEAD:
            assert until(found, *holding) is None
            assert until(at + (found - at) / 2, *holding) == found


def vienna(*moment: int, fold: int = 0) -> datetime:
    return datetime(*moment, tzinfo=VIENNA, fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("at", "ends", "hours"),
    [
        # An ordinary night; the one in which an hour is missing, and the one which has one twice.
        (vienna(2026, 3, 27, 23), vienna(2026, 3, 28, 6), 7),
        (vienna(2026, 3, 28, 23), vienna(2026, 3, 29, 6), 6),
        (vienna(2026, 10, 24, 23), vienna(2026, 10, 25, 6), 8),
    ],
)
def test_a_night_is_as_long_as_it_is(at: datetime, ends: datetime, hours: int):
    assert until(at, window()) == ends == at + hours * HOUR


def test_what_a_clock_shows_twice_is_in_it_twice():
    half = window(from_time=time(1), to_time=time(2, 30))
    assert until(vienna(2026, 10, 25, 1), half) == vienna(2026, 10, 25, 2, 30)
    assert until(vienna(2026, 10, 25, 2, 45), half) is None
    assert until(vienna(2026, 10, 25, 2, fold=1), half) == vienna(2026, 10, 25, 2, 30, fold=1)
    whole = window(from_time=time(1), to_time=time(3))
    assert until(vienna(2026, 10, 25, 1), whole) == vienna(2026, 10, 25, 3)


def test_a_window_that_no_clock_shows_does_not_come_and_one_that_ends_there_ends_when_the_clock_is_set():
    assert until(vienna(2026, 3, 29, 1, 59), window(from_time=time(2, 15), to_time=time(2, 45))) is None
    assert until(vienna(2026, 3, 29, 3), window(from_time=time(2, 15), to_time=time(2, 45))) is None
    set_at = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert until(vienna(2026, 3, 28, 23), window(to_time=time(2, 30))) == set_at


def test_what_follows_without_a_gap_counts_as_one_and_a_minute_is_a_gap():
    at = vienna(2026, 7, 1, 23)
    morning = window("morning", from_time=time(6), to_time=time(9))
    ends = vienna(2026, 7, 2, 9)
    assert until(at, window(), morning) == ends
    assert until(at, window(), morning, silence(ends, ends + HOUR)) == ends + HOUR
    assert until(at, window(), silence(ends, ends + HOUR)) == vienna(2026, 7, 2, 6)
    later = window("later", from_time=time(6, 1), to_time=time(9))
    assert until(at, window(), later) == vienna(2026, 7, 2, 6)


def test_what_never_ends_is_looked_at_again_in_a_while():
    at = vienna(2026, 7, 1, 23)
    always = window(from_time=time(0), to_time=time(0))
    found = until(at, always)
    assert found is not None
    assert at + LOOK_AHEAD <= found < at + LOOK_AHEAD + 2 * DAY
    # A silence's end is known, however late it is.
    assert until(at, silence(at, at + 300 * DAY)) == at + 300 * DAY
    # Begins on its last day, ends on the day after.
    assert until(at, window(last_day=date(2026, 7, 1))) == vienna(2026, 7, 2, 6)
    assert until(at + DAY, window(last_day=date(2026, 7, 1))) is None
    assert until(at - DAY, window(first_day=date(2026, 7, 1))) is None
    assert until(at + 2 * HOUR, window(weekdays=frozenset({3}))) == vienna(2026, 7, 2, 6), "a Wednesday's"
    assert until(at + 2 * HOUR, window(weekdays=frozenset({4}))) is None


LOUDNESS = [
    (None, set(Severity)),
    (Severity.CRITICAL, {Severity.ERROR, Severity.WARNING, Severity.INFO}),
    (Severity.ERROR, {Severity.WARNING, Severity.INFO}),
    (Severity.WARNING, {Severity.INFO}),
]


@pytest.mark.parametrize(("lets_through", "waiting"), LOUDNESS)
def test_what_is_loud_enough_passes(lets_through: Severity | None, waiting: set[Severity]):
    at, nights = vienna(2026, 7, 1, 23), window(lets_through=lets_through)
    assert {each for each in Severity if until(at, nights, severity=each)} == waiting
    assert all(until(at, nights, silence(at, at + MINUTE), severity=each) for each in Severity)
    assert louder(Severity.INFO, Severity.INFO)


def test_only_what_is_about_it_holds_it():
    at = vienna(2026, 7, 1, 23)
    assert until(at, window(matchers=MINE)) == until(at, window())
    assert until(at, window(matchers=NOT_MINE), silence(at, at + HOUR, matchers=NOT_MINE)) is None
    assert until(at, silence(at, at + HOUR, matchers=MINE)) == at + HOUR


def test_a_silence_holds_from_its_start_to_before_its_end_or_its_being_ended():
    at = datetime(2026, 7, 1, tzinfo=UTC)
    an_hour = silence(at, at + HOUR)
    moments = (at - MINUTE, at, at + HOUR - MINUTE, at + HOUR)
    assert [until(moment, an_hour) for moment in moments] == [None, at + HOUR, at + HOUR, None]
    ended = silence(at, at + DAY, ended_at=at + HOUR)
    assert [until(moment, ended) for moment in moments] == [None, at + HOUR, at + HOUR, None]
    assert until(at, silence(at + HOUR, at + DAY, ended_at=at)) is None, "ended before it began"


def test_it_says_what_holds_it_longest_and_in_utc():
    at = datetime(2026, 7, 1, 23, tzinfo=timezone(2 * HOUR))
    found = held(TARGET, Severity.INFO, [silence(at, at + HOUR)], [window("Nights")], at)
    assert found is not None
    assert (found.why, found.by) == ("quiet hours 'Nights'", named("Nights"))
    assert (found.until, found.until.tzinfo) == (vienna(2026, 7, 2, 6), UTC)
    work = window("Move", kind=WindowKind.MAINTENANCE)
    found = held(TARGET, Severity.INFO, [silence(at, at + DAY)], [work], at)
    assert found is not None
    assert (found.why, found.by) == ("a silence", named("silence"))
    found = held(TARGET, Severity.INFO, [], [work], at)
    assert found is not None
    assert found.why == "maintenance 'Move'"
