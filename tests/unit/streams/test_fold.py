from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.cell import Cell
from metrics.names import Metric
from storage.partials import SeriesHour
from streams.fold import Folded, Folder, Limits, Refusal
from streams.wire import Reason
from tests.unit.streams.messages import (
    LAST_HOUR,
    NOW,
    ORG,
    OTHER,
    PROJECT,
    Everybody,
    Record,
    batch,
    flat,
    sample,
)

WEEK = 7 * 86400.0
LIMITS = Limits(100, 100_000, WEEK, 300.0)
ENDLESS = replace(LIMITS, lateness=None)
MARK = {(ORG, PROJECT): LAST_HOUR}
Cells = dict[SeriesHour, Cell]


def folded(
    messages: Sequence[bytes | Record], *, limits: Limits = LIMITS, marks: Any = MARK, now: float = NOW
) -> Folded:
    records = [m if isinstance(m, Record) else Record(offset, m) for offset, m in enumerate(messages)]
    folder = Folder(limits)
    arrivals, refusals = folder.admit(records, Everybody())
    assert refusals == []
    return folder.fold(arrivals, marks, now)


def said(refusals: Sequence[Refusal]) -> list[tuple[int, str, tuple[int, ...]]]:
    return [(each.record.offset, str(each.reason), each.indices) for each in refusals]


def reasons(timestamp: Any, **more: Any) -> list[str]:
    return [reason for _, reason, _ in said(folded([flat(**sample(1, timestamp))], **more).refusals)]


def test_samples_fall_into_hours_and_series():
    cells = folded(
        [
            batch([sample(2, LAST_HOUR), sample(3, LAST_HOUR + 2799.9, cohort="")]),
            batch([sample(5, LAST_HOUR - 0.001), sample(7, LAST_HOUR, cohort="c", feature="f")]),
            flat(**sample(11, LAST_HOUR, cohort=None)),
            batch([sample(13, LAST_HOUR)], project=OTHER),
        ],
        now=NOW + 3600,
        marks={},
    ).cells
    hour = int(LAST_HOUR)
    usage = Metric.FEATURE_USAGE
    assert {where: (cell.value_micro / 1e6, cell.samples) for where, cell in cells.items()} == {
        SeriesHour(ORG, PROJECT, hour, usage, "", ""): (16, 3),
        SeriesHour(ORG, PROJECT, hour - 3600, usage, "", ""): (5, 1),
        SeriesHour(ORG, PROJECT, hour, usage, "c", "f"): (7, 1),
        SeriesHour(ORG, OTHER, hour, usage, "", ""): (13, 1),
    }


def test_event_time_that_was_seen_is_told_by_project():
    seen = folded([batch([sample(1, LAST_HOUR + 5), sample(1, LAST_HOUR - 5)]), flat(**sample(1, LAST_HOUR))])
    assert seen.samples == 3
    ((project, moments),) = seen.seen.items()
    assert (project, moments.first, moments.newest) == ((ORG, PROJECT), LAST_HOUR - 5, LAST_HOUR + 5)


def test_future_is_what_is_further_ahead_than_the_tolerance():
    assert reasons(NOW + 300) == []
    assert reasons(NOW + 300.001) == ["future"]


def test_a_record_is_judged_by_when_it_arrived_so_that_a_replay_says_the_same():
    late = Record(0, flat(**sample(1, NOW - 1000)), timestamp=int((NOW - 2000) * 1000))
    assert said(folded([late]).refusals) == [(0, "future", (0,))]
    # A broker whose clock is ahead does not make the future present.
    ahead = Record(0, flat(**sample(1, NOW + 400)), timestamp=int((NOW + 4000) * 1000))
    assert said(folded([ahead]).refusals) == [(0, "future", (0,))]


def test_too_late_is_what_is_further_behind_the_newest_of_its_project():
    assert reasons(LAST_HOUR - WEEK) == []
    assert reasons(LAST_HOUR - WEEK - 0.001) == ["too_late"]
    assert reasons(LAST_HOUR - WEEK - 1, marks={(ORG, OTHER): LAST_HOUR}) == []
    assert reasons(LAST_HOUR - WEEK - 1, limits=ENDLESS) == []


def test_what_is_of_a_month_that_is_dropped_is_too_late_in_backfill_too():
    # 50 days before the 1st of November lie in September: all of it is kept, and nothing before.
    kept = datetime(2026, 9, 1, tzinfo=UTC).timestamp()
    for limits in (replace(ENDLESS, retention=50 * 86400.0), replace(LIMITS, retention=50 * 86400.0)):
        assert reasons(kept, limits=limits, marks={}) == []
        assert reasons(kept - 0.001, limits=limits, marks={}) == ["too_late"]
    assert reasons(kept, limits=replace(LIMITS, retention=50 * 86400.0)) == ["too_late"]
    assert reasons(kept - 0.001, limits=ENDLESS, marks={}) == []


def test_what_is_too_late_is_judged_message_by_message():
    old = sample(1, LAST_HOUR - WEEK - 1)
    together = folded([batch([sample(1, LAST_HOUR), old])], marks={})
    assert said(together.refusals) == []
    after = folded([batch([sample(1, LAST_HOUR)]), batch([old, sample(2, LAST_HOUR)])], marks={})
    assert said(after.refusals) == [(1, "too_late", (0,))]
    assert after.samples == 2


def test_what_is_in_the_future_moves_no_watermark():
    seen = folded([batch([sample(1, NOW + 10_000), sample(1, LAST_HOUR)])]).seen
    assert seen[ORG, PROJECT].newest == LAST_HOUR


def test_all_that_is_wrong_with_a_message_is_told_by_index_and_the_rest_counts():
    samples = [
        sample(1),
        sample("x"),
        sample(1, "yesterday"),
        sample(-1),
        sample(2, metric_name="page_views"),
        sample(4, cohort="c" * 101),
        sample(8, unit="ms"),
        sample(16, NOW + 1000),
        sample(32, LAST_HOUR - WEEK - 1),
        sample(64),
        sample(128, of=3),
        sample(-2),
        sample(256, user_id="u" * 201),
        sample(512, user_id=""),
        sample(1024, user_id="u" * 200),
    ]
    result = folded([batch([sample(256)]), batch(samples)])
    by_reason: dict[str, set[int]] = {}
    for _, reason, indices in said(result.refusals):
        by_reason.setdefault(reason, set()).update(indices)
    assert by_reason == {
        "bad_value": {1, 3, 11},
        "bad_timestamp": {2},
        "unknown_metric": {4},
        "bad_schema": {5, 10, 12, 13},
        "bad_unit": {6},
        "future": {7},
        "too_late": {8},
    }
    assert {refusal.record.offset for refusal in result.refusals} == {1}
    assert sum(cell.value_micro for cell in result.cells.values()) == (256 + 1 + 64 + 1024) * 10**6
    assert result.samples == 4
    assert all(refusal.tenant for refusal in result.refusals)


def test_what_cannot_be_read_or_belongs_to_nobody_is_refused_whole():
    records = [
        Record(0, b"no json"),
        Record(1, None),
        Record(2, batch([sample()], org=OTHER)),
        Record(3, batch([sample()])),
    ]
    arrivals, refusals = Folder(LIMITS).admit(records, Everybody())
    assert [arrival.record.offset for arrival in arrivals] == [3]
    assert said(refusals) == [(0, "not_json", ()), (1, "not_json", ()), (2, "unknown_org", ())]
    assert [refusal.reason for refusal in refusals][2] is Reason.UNKNOWN_ORG


def stream(seed: int, count: int) -> list[bytes]:
    random = Random(seed)

    def one() -> Any:
        metric = random.choice(list(Metric))
        at = LAST_HOUR - random.uniform(0, 3 * 3600)
        cohort = random.choice(["", "a", "b"])
        if metric in {Metric.FEATURE_USAGE, Metric.LATENCY_P50}:
            user = random.choice([None, f"u{random.randrange(9)}"])
            return sample(random.uniform(0, 1000), at, metric, cohort=cohort, user_id=user)
        if metric in {Metric.RETENTION, Metric.USER_ADOPTION} and random.random() < 0.5:
            return sample(random.randrange(2), at, metric, cohort=cohort, user_id=f"u{random.randrange(9)}")
        return sample(random.uniform(-0.02, 1), at, metric, cohort=cohort, of=random.uniform(1, 9))

    return [batch([one() for _ in range(random.randrange(1, 6))]) for _ in range(count)]


def merged(parts: Sequence[Folded]) -> dict[SeriesHour, tuple[Any, ...]]:
    cells: Cells = {}
    for part in parts:
        for where, cell in part.cells.items():
            cells[where] = cells[where] | cell if where in cells else cell
    return {
        where: (
            *(cell.value_micro, cell.of_micro, cell.samples),
            *(cell.users.to_bytes(), cell.positive.to_bytes(), cell.latency.to_bytes()),
        )
        for where, cell in cells.items()
    }


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 25), st.randoms(use_true_random=False), st.data())
def test_any_order_and_any_cut_give_the_same_bits(seed, count, random, data):
    messages = stream(seed, count)
    whole = merged([folded(messages, limits=ENDLESS)])
    random.shuffle(messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=4)))
    parts = [
        messages[start:end] for start, end in zip([0, *cuts], [*cuts, count], strict=True) if start < end
    ]
    assert merged([folded(part, limits=ENDLESS) for part in parts]) == whole


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 24))
def test_where_chunks_are_cut_decides_nothing_about_lateness(seed, cut):
    random = Random(seed)
    times = [LAST_HOUR - random.uniform(0, 10 * 86400) for _ in range(25)]
    messages = [batch([sample(1, at), sample(1, at - random.uniform(0, 5 * 86400))]) for at in times]
    whole = folded(messages, marks={})
    first = folded(messages[:cut], marks={})
    marks = {project: seen.newest for project, seen in first.seen.items()}
    second = folded(messages[cut:], marks=marks)
    assert merged([first, second]) == merged([whole])
    moved = [(offset + cut, reason, indices) for offset, reason, indices in said(second.refusals)]
    assert sorted(said(first.refusals) + moved) == sorted(said(whole.refusals))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([-9 * 86400, -7 * 86400, -3600, -1, 0, 60, 2799, 3100, 9000]),
            st.sampled_from([0, 0, -1, -8 * 86400]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_sorted_together_or_one_by_one_a_chunk_is_the_same(drawn):
    records = [
        Record(offset, batch([sample(1, LAST_HOUR + at), sample(2, LAST_HOUR)]), int(NOW + lag) * 1000)
        for offset, (at, lag) in enumerate(drawn)
    ]
    usual = folded(records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.fold._Course._all_in_time", lambda *_: False)
        looked_at = folded(records)
    assert (usual.cells, usual.seen, usual.samples) == (looked_at.cells, looked_at.seen, looked_at.samples)
    assert said(usual.refusals) == said(looked_at.refusals)


@pytest.mark.parametrize("metric", list(Metric))
def test_an_hour_without_a_right_sample_makes_no_cell(metric):
    assert folded([batch([sample(-1, metric_name=metric, of=1)])]).cells == {}


def test_what_is_remembered_is_bounded_and_forgotten_between_chunks(monkeypatch):
    monkeypatch.setattr("streams.fold.REMEMBERED", 10)
    folder = Folder(LIMITS)
    kept = []
    for chunk in range(4):
        samples = [
            sample(1, LAST_HOUR + number, cohort=f"{chunk}-{number}", user_id=f"{chunk}-{number}")
            for number in range(8)
        ]
        kept.append(folder.admit([Record(0, batch(samples))], Everybody())[0])
    assert len(folder._moments) <= 16
    assert len(folder._vocabulary) <= 16
    assert sum(map(len, folder._users.values())) <= 17
    # What was admitted before knows its series still.
    cohorts = [{where.cohort for where in folder.fold(each, MARK, NOW).cells} for each in kept]
    assert cohorts == [{f"{chunk}-{number}" for number in range(8)} for chunk in range(4)]


def test_what_is_wrong_is_not_remembered_however_long_it_is():
    folder = Folder(Limits(100, 1_000_000, WEEK, 300.0))
    samples = [
        *(sample(1, "x" * 10_000 + str(number)) for number in range(9)),
        *(sample(1, cohort="c" * 10_000 + str(number), metric_name="latency_p50") for number in range(9)),
        *(sample(1, user_id="u" * 10_000 + str(number)) for number in range(9)),
        sample(2),
    ]
    arrivals, _ = folder.admit([Record(0, batch(samples))], Everybody())
    found = folder.fold(arrivals, MARK, NOW)
    assert found.samples == 1
    assert sorted(said(found.refusals)) == [
        (0, "bad_schema", tuple(range(9, 18))),
        (0, "bad_schema", tuple(range(18, 27))),
        (0, "bad_timestamp", tuple(range(9))),
    ]
    remembered: list[dict[Any, Any]] = [folder._moments, folder._vocabulary, *folder._users.values()]
    assert max(len(str(key)) for each in remembered for key in each) < 200


def test_messages_that_were_counted_before_add_nothing():
    folder = Folder(LIMITS)
    late = sample(4, LAST_HOUR - WEEK - 1)
    messages = [
        batch([sample(1), late]),
        flat(**sample(2)),
        batch([sample(-8), sample(16)]),
        flat(**sample(32)),
    ]
    arrivals, _ = folder.admit([Record(*each) for each in enumerate(messages)], Everybody())
    found = folder.fold([arrivals[0], arrivals[2]], MARK, NOW)
    assert [cell.value_micro for cell in found.cells.values()] == [17 * 10**6]
    assert said(found.refusals) == [(0, "too_late", (1,)), (2, "bad_value", (0,))]


def test_series_that_are_barred_are_refused_by_index_but_for_what_is_wrong_anyway():
    folder = Folder(LIMITS)
    samples = [sample(1, cohort="new"), sample(2), sample(-1, cohort="new"), sample(4, cohort="new")]
    arrivals, _ = folder.admit([Record(7, batch(samples))], Everybody())
    found = folder.fold(arrivals, MARK, NOW, {(ORG, PROJECT, "feature_usage", "new", "")})
    assert [where.cohort for where in found.cells] == [""]
    assert found.samples == 1
    assert sorted(said(found.refusals)) == [(7, "bad_value", (2,)), (7, "too_many_series", (0, 3))]
