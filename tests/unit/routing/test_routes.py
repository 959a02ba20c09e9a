"""Which alerts a route is about, and which route an alert takes."""

from dataclasses import replace
from random import Random
from time import perf_counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from detectors.divergence import Classification, DivergenceType
from metrics.names import Metric
from routing.matchers import Matchers, NoticeKind, Target
from routing.routes import Route, chosen, taken

PROJECTS = [UUID(int=number) for number in range(3)]
WORDS = st.sampled_from(["", "mainstream", "enterprise", "F12", "a b", "ä"])
LISTS = {
    "project_id": st.lists(st.sampled_from(PROJECTS), max_size=3),
    "divergence_type": st.lists(st.sampled_from(DivergenceType), max_size=3),
    "classification": st.lists(st.sampled_from(Classification), max_size=3),
    "metric_name": st.lists(st.sampled_from(Metric), max_size=3),
    "cohort": st.lists(WORDS, max_size=3),
    "feature": st.lists(WORDS, max_size=3),
    "tag": st.lists(WORDS, max_size=3),
    "notice": st.lists(st.sampled_from(NoticeKind), max_size=3),
}
MATCHERS = st.fixed_dictionaries({}, optional=LISTS).map(Matchers.model_validate)
TARGETS = st.builds(
    Target,
    project_id=st.sampled_from(PROJECTS),
    divergence_type=st.none() | st.sampled_from(DivergenceType),
    classification=st.none() | st.sampled_from(Classification),
    metric_name=st.none() | st.sampled_from(Metric),
    cohort=st.none() | WORDS,
    feature=st.none() | WORDS,
    tags=st.frozensets(WORDS, max_size=3),
    notice=st.none() | st.sampled_from(NoticeKind),
)
ROUTES = st.builds(
    Route,
    id=st.uuids(),
    name=st.just("R"),
    position=st.integers(0, 3),
    matchers=MATCHERS,
    continues=st.booleans(),
)
DEFAULT = Route(UUID(int=99), "Default", 1_000_000, is_default=True)
LATENCY = Target(
    PROJECTS[0],
    divergence_type="LATENCY_MISS",
    classification="MAJOR",
    metric_name="latency_p50",
    cohort="",
    feature="F12",
    tags=frozenset({"checkout", "v2"}),
)


@given(TARGETS)
def test_matchers_that_say_nothing_are_about_everything(target: Target):
    assert Matchers().matches(target)
    assert Matchers.model_validate({name: [] for name in LISTS}).matches(target)


@given(MATCHERS, TARGETS, st.data())
def test_a_value_more_in_a_list_never_makes_fewer_match(
    matchers: Matchers, target: Target, data: st.DataObject
):
    given_lists = [name for name in LISTS if getattr(matchers, name)]
    for name in given_lists:
        more = data.draw(LISTS[name])
        wider = Matchers.model_validate({**matchers.model_dump(), name: [*getattr(matchers, name), *more]})
        assert wider.matches(target) or not matchers.matches(target)


@given(MATCHERS, TARGETS, st.randoms(use_true_random=False))
def test_the_order_of_lists_says_nothing(matchers: Matchers, target: Target, random: Random):
    shuffled = {name: random.sample(listed, len(listed)) for name, listed in matchers.model_dump().items()}
    assert Matchers.model_validate(shuffled).matches(target) == matchers.matches(target)


@given(MATCHERS, TARGETS)
def test_what_does_not_match_is_told_why(matchers: Matchers, target: Target):
    assert matchers.matches(target) == (not matchers.misses(target))


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ({"metric_name": ["latency_p50", "retention"]}, []),
        ({"cohort": [""]}, []),
        ({"tag": ["v2", "v3"], "feature": ["F12"]}, []),
        ({"project_id": [str(PROJECTS[0])]}, []),
        ({"metric_name": ["retention"]}, ["metric: latency_p50, not retention"]),
        ({"cohort": ["mainstream"]}, ["cohort: (all together), not mainstream"]),
        ({"feature": ["f12"]}, ["feature: F12, not f12"]),
        ({"tag": ["v3"]}, ["tag of its artifact: checkout, v2, not v3"]),
        ({"notice": ["DEAD_LETTERS"]}, ["notice: none, not DEAD_LETTERS"]),
        (
            {"classification": ["MINOR", "COSMETIC"], "divergence_type": ["LATENCY_MISS"]},
            ["classification: MAJOR, not one of MINOR, COSMETIC"],
        ),
    ],
)
def test_who_is_matched(listed: dict[str, list[str]], why: list[str]):
    assert Matchers.model_validate(listed).misses(LATENCY) == why


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": ["latency_p50"]},
        {"metric_name": ["latency"]},
        {"tag": "v2"},
        {"tag": [1]},
        {"tag": None},
        {"tag": ["a" * 101]},
        {"tag": ["a"] * 51},
        {"project_id": ["no-id"]},
    ],
)
def test_what_is_no_matcher_is_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        Matchers.model_validate(wrong)


def route(number: int, position: int, *, about: str = "", continues: bool = False) -> Route:
    matchers = Matchers.model_validate({"metric_name": [about]} if about else {})
    return Route(UUID(int=number), f"R{number}", position, matchers=matchers, continues=continues)


MINE, OTHERS, ALL = (route(1, 10, about="latency_p50"), route(2, 20, about="retention"), route(3, 30))


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([DEFAULT], ["Default"]),
        ([OTHERS, DEFAULT], ["Default"]),
        ([MINE, ALL, DEFAULT], ["R1"]),
        ([replace(MINE, continues=True), OTHERS, ALL, DEFAULT], ["R1", "R3"]),
        ([replace(MINE, continues=True), OTHERS, DEFAULT], ["R1"]),
        ([replace(OTHERS, continues=True), ALL, DEFAULT], ["R3"]),
        ([replace(ALL, position=0), MINE, DEFAULT], ["R3"]),
        # The same place: the smaller id comes first.
        ([replace(ALL, position=10), MINE, DEFAULT], ["R1"]),
        ([replace(MINE, continues=True), replace(ALL, continues=True), DEFAULT], ["R1", "R3"]),
        ([OTHERS], []),
    ],
)
def test_which_route_is_taken(routes: list[Route], expected: list[str]):
    assert [each.name for each in taken(routes, LATENCY)] == expected
    assert [each.name for each in taken(routes[::-1], LATENCY)] == expected


def test_each_route_says_why_it_is_not_taken():
    assert [
        (choice.route.name, list(choice.why_not)) for choice in chosen([MINE, OTHERS, DEFAULT], LATENCY)
    ] == [
        ("R1", []),
        ("R2", ["route R1 comes first, and does not continue"]),
        ("Default", ["route R1 is about it already"]),
    ]
    assert [list(choice.why_not) for choice in chosen([OTHERS, DEFAULT], LATENCY)] == [
        ["metric: latency_p50, not retention"],
        [],
    ]


@given(
    st.lists(ROUTES, max_size=6, unique_by=lambda each: each.id), TARGETS, st.randoms(use_true_random=False)
)
def test_somebody_is_always_chosen_and_the_first_ends_it(routes: list[Route], target: Target, random: Random):
    choices = chosen([*routes, DEFAULT], target)
    assert [choice.route.id for choice in choices] == [
        *(each.id for each in sorted(routes, key=lambda each: (each.position, each.id))),
        DEFAULT.id,
    ]
    assert choices == chosen(random.sample([DEFAULT, *routes], len(routes) + 1), target)
    found = [choice.route for choice in choices if choice.matched]
    assert found
    assert all(each.continues for each in found[:-1])
    assert all(each.is_default or each.matchers.matches(target) for each in found)
    matching = [choice.route for choice in choices[:-1] if choice.route.matchers.matches(target)]
    assert (found == [DEFAULT]) == (not matching)
    if matching:
        assert found[0] == matching[0]
    # Whatever matches and is not taken stands behind one that ends it.
    for choice in choices[:-1]:
        if not choice.matched and choice.route.matchers.matches(target):
            assert not found[-1].continues


def test_long_lists_cost_no_more_than_short_ones():
    """Thousands of reports are asked for at one look, each by hundreds of routes and silences."""
    targets = [replace(LATENCY, cohort=f"c{number}", tags=frozenset({"v2"})) for number in range(40)]

    def seconds(length: int) -> float:
        words = {name: tuple(f"{name}{number}" for number in range(length)) for name in ("feature", "tag")}
        about = Matchers(project_id=tuple(UUID(int=number) for number in range(length)), **words)
        routes = [Route(UUID(int=number), "R", number, matchers=about) for number in range(100)]
        taken(routes, LATENCY)
        began = perf_counter()
        for target in targets:
            assert not taken(routes, target)
        return perf_counter() - began

    assert min(seconds(50) for _ in range(3)) < 4 * min(seconds(1) for _ in range(3))
