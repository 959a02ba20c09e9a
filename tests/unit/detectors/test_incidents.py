from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from detectors.cascade import Lineage, Node
from detectors.incidents import Reported, incidents

START = datetime(2026, 3, 1, tzinfo=UTC)
PLACES = "abcdefgh"
CHAIN = tuple(pairwise(PLACES))
"""a rests on b, b on c, and so on: h is the ground of all."""


def lineage(edges) -> Lineage:
    return Lineage({name: Node(name, "PRD") for name in PLACES}, edges)


def reported(number: int, place: str, first: int, last: int | None = None) -> Reported:
    end = None if last is None else START + timedelta(days=last)
    return Reported(UUID(int=number), place, START + timedelta(days=first), end)


def grouped(edges, *reports: Reported) -> set[frozenset[int]]:
    """Return the numbers of the reports of each incident."""
    by_incident: dict[UUID, set[int]] = {}
    for report_id, incident in incidents(lineage(edges), reports).items():
        by_incident.setdefault(incident, set()).add(report_id.int)
    return {frozenset(numbers) for numbers in by_incident.values()}


def groups(*members) -> set[frozenset[int]]:
    return {frozenset(one) for one in members}


def test_what_broke_on_one_ground_is_one_incident():
    reports = [reported(1, "a", 3), reported(2, "c", 2), reported(3, "g", 9)]
    assert grouped(CHAIN, *reports) == groups({1, 2, 3})


def test_the_ground_may_break_last_and_the_artifacts_between_be_sound():
    assert grouped(CHAIN, reported(1, "a", 1), reported(2, "h", 9)) == groups({1, 2})


def test_reports_about_one_artifact_are_one_incident():
    assert grouped((), reported(1, "a", 1), reported(2, "a", 2)) == groups({1, 2})


def test_what_rests_on_a_common_ground_that_is_sound_has_nothing_in_common():
    assert grouped([("a", "c"), ("b", "c")], reported(1, "a", 1), reported(2, "b", 1)) == groups({1}, {2})


def test_of_two_broken_grounds_the_one_that_broke_first_is_taken():
    edges = [("a", "b"), ("a", "c")]
    reports = [reported(1, "a", 0), reported(2, "b", 5), reported(3, "c", 4)]
    assert grouped(edges, *reports) == groups({1, 3}, {2})


def test_a_direct_way_does_not_hide_the_ground_below():
    edges = [("a", "b"), ("a", "d"), ("b", "c"), ("c", "d")]
    reports = [reported(number, place, number) for number, place in enumerate("abcd")]
    assert grouped(edges, *reports) == groups({0, 1, 2, 3})


def test_one_that_had_ended_before_the_other_was_found_is_another_incident():
    assert grouped(CHAIN, reported(1, "b", 1, 4), reported(2, "a", 4)) == groups({1}, {2})
    assert grouped(CHAIN, reported(1, "b", 1, 5), reported(2, "a", 4)) == groups({1, 2})


def test_a_report_leads_to_the_root_through_one_that_was_open_between():
    reports = [reported(1, "c", 1, 4), reported(2, "b", 3, 8), reported(3, "a", 6)]
    assert grouped(CHAIN, *reports) == groups({1, 2, 3})


def test_artifacts_in_a_circle_are_one_ground():
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
    reports = [reported(number, place, 9 - number) for number, place in enumerate("abcd")]
    assert grouped(edges, *reports) == groups({0, 1, 2, 3})


def test_the_incident_is_known_by_its_root():
    root, other = reported(1, "b", 3), reported(2, "a", 1)
    assert (
        incidents(lineage(CHAIN), [root, other])[other.report_id]
        == incidents(lineage(CHAIN), [root])[root.report_id]
    )


def test_an_artifact_that_the_lineage_does_not_know_stands_alone():
    assert grouped(CHAIN, reported(1, "gone", 1), reported(2, "a", 1)) == groups({1}, {2})


places = st.sampled_from(PLACES)
graphs = st.lists(st.tuples(places, places), max_size=30)
spans = st.tuples(st.integers(0, 20), st.none() | st.integers(1, 20))
findings = st.lists(st.tuples(places, spans), max_size=12).map(
    lambda drawn: [
        reported(number, place, first, None if length is None else first + length)
        for number, (place, (first, length)) in enumerate(drawn)
    ]
)


@given(graphs, findings, st.randoms())
def test_any_graph_ends_and_no_order_matters(edges, reports, random):
    said = incidents(lineage(edges), reports)
    assert set(said) == {report.report_id for report in reports}
    random.shuffle(edges)
    random.shuffle(reports)
    assert incidents(lineage(edges), reports) == said


@given(findings)
def test_a_chain_that_is_open_shares_one_incident(reports):
    still_open = [Reported(one.report_id, one.place, one.detected_at) for one in reports]
    assert len(grouped(CHAIN, *still_open)) == min(len(still_open), 1)


@given(graphs, findings)
def test_unrelated_reports_share_none(edges, reports):
    """Whatever is left and right: no edge leads across."""
    left, right = PLACES[:4], PLACES[4:]
    within = [(one, other) for one, other in edges if (one in left) == (other in left)]
    said = incidents(lineage(within), reports)
    sides = [{said[one.report_id] for one in reports if one.place in side} for side in (left, right)]
    assert not sides[0] & sides[1]


@given(graphs, findings)
def test_the_root_of_an_incident_is_in_it(edges, reports):
    said = incidents(lineage(edges), reports)
    for incident in said.values():
        members = [one for one in reports if said[one.report_id] == incident]
        known_by = {incidents(lineage(()), [one])[one.report_id] for one in members}
        assert incident in known_by
