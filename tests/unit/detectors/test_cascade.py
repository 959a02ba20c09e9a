from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.cascade import Lineage, Node, analyse, names
from detectors.divergence import Recommendation

NODES = {
    "pricing": Node("pricing", "PRICING"),
    "prd": Node("prd", "PRD", features=("F12",)),
    "positioning": Node("positioning", "POSITIONING", features=("F13",)),
    "wireframe": Node("wireframe", "WIREFRAME", features=("F20", "F12 One-page checkout")),
    "backend": Node("backend", "CODE_BACKEND", modules=("pricing_service", "pricing_api")),
    "frontend": Node("frontend", "CODE_FRONTEND", modules=("pricing_frontend", "pricing_api")),
    "persona": Node("persona", "PERSONA", features=("F1",)),
}
EDGES = (
    ("pricing", "persona"),
    ("prd", "pricing"),
    ("positioning", "pricing"),
    ("wireframe", "prd"),
    ("backend", "prd"),
    ("frontend", "wireframe"),
)


def test_what_rests_on_the_price_near_or_far():
    cascade = analyse(Lineage(NODES, EDGES), "pricing", 2)
    assert cascade.affected_features == [
        "F12 PRD",
        "F13 Positioning",
        "F12 One-page checkout",
        "F20 Wireframes",
    ]
    assert cascade.affected_code_modules == ["pricing_api", "pricing_service", "pricing_frontend"]
    assert (cascade.reexecution_scope_days, cascade.full_redesign_days) == (5, 17)
    assert cascade.recommendation is Recommendation.REEXECUTE


def test_the_artifact_itself_is_affected_and_what_it_rests_on_is_not():
    cascade = analyse(Lineage(NODES, EDGES), "wireframe", 0)
    assert cascade.affected_features == ["F12 One-page checkout", "F20 Wireframes"]
    assert cascade.affected_code_modules == ["pricing_api", "pricing_frontend"]
    assert cascade.recommendation is Recommendation.SKIP


@pytest.mark.parametrize(
    ("modules", "days", "recommendation"),
    [
        (0, (2, 14), Recommendation.REEXECUTE),
        (1, (2, 14), Recommendation.REEXECUTE),
        (2, (3, 15), Recommendation.REEXECUTE),
        (5, (4, 16), Recommendation.REEXECUTE),
        (6, (5, 17), Recommendation.FULL_REDESIGN),
        (10, (7, 19), Recommendation.FULL_REDESIGN),
        (13, (7, 20), Recommendation.FULL_REDESIGN),
        (14, (7, 21), Recommendation.FULL_REDESIGN),
        (99, (7, 21), Recommendation.FULL_REDESIGN),
    ],
)
def test_days_grow_with_the_scope_within_the_specifications_limits(modules, days, recommendation):
    node = Node("code", "CODE_BACKEND", modules=tuple(f"m{n}" for n in range(modules)))
    cascade = analyse(Lineage({"code": node}, ()), "code", 3)
    assert (cascade.reexecution_scope_days, cascade.full_redesign_days) == days
    assert cascade.recommendation is recommendation


@pytest.mark.parametrize(
    ("kind", "label", "said"),
    [
        ("PRD", "", "F1 PRD"),
        ("API_SPEC", "", "F1 API spec"),
        ("MARKET_RESEARCH", "", "F1 Market research"),
        ("PRD", "Requirements", "F1 Requirements"),
    ],
)
def test_a_feature_is_named_with_its_document(kind, label, said):
    node = Node("a", kind, label, ("F1",))
    assert analyse(Lineage({"a": node}, ()), "a", 0).affected_features == [said]


def test_an_edge_to_an_artifact_that_is_not_there_leads_nowhere():
    cascade = analyse(Lineage({"prd": NODES["prd"]}, (("gone", "prd"),)), "prd", 0)
    assert cascade.affected_features == ["F12 PRD"]


def test_an_unknown_artifact_is_an_error():
    with pytest.raises(KeyError, match="nobody"):
        analyse(Lineage(NODES, EDGES), "nobody", 0)


def test_each_artifact_comes_with_the_way_to_it():
    affected = analyse(Lineage(NODES, EDGES), "pricing", 2).affected
    assert [each.path for each in affected] == [
        ("pricing",),
        ("pricing", "positioning"),
        ("pricing", "prd"),
        ("pricing", "prd", "backend"),
        ("pricing", "prd", "wireframe"),
        ("pricing", "prd", "wireframe", "frontend"),
    ]
    assert all(each.node is NODES[each.path[-1]] for each in affected)


def test_of_two_ways_the_shorter_is_told_and_of_equals_the_first_by_name():
    nodes = {name: Node(name, "PRD") for name in "abcde"}
    edges = [("d", "c"), ("d", "b"), ("b", "a"), ("c", "a"), ("e", "d"), ("e", "c")]
    paths = [each.path for each in analyse(Lineage(nodes, edges), "a", 0).affected]
    assert paths == [("a",), ("a", "b"), ("a", "c"), ("a", "b", "d"), ("a", "c", "e")]


@pytest.mark.parametrize(
    ("content", "listed"),
    [
        ({"modules": ["a", "b"]}, ("a", "b")),
        ({"modules": []}, ()),
        ({}, ()),
        (None, ()),
        (["modules"], ()),
        ({"modules": None}, ()),
        ({"modules": "checkout"}, ()),
        ({"modules": 5}, ()),
        ({"modules": {"a": 1}}, ()),
        ({"modules": ["a", 5, None, ["b"], "c"]}, ("a", "c")),
    ],
)
def test_what_a_content_does_not_list_as_text_says_nothing(content, listed):
    assert names(content, "modules") == listed


ids = st.sampled_from("abcdefgh")
RANKS = [Recommendation.SKIP, Recommendation.REEXECUTE, Recommendation.FULL_REDESIGN]


@given(st.lists(st.tuples(ids, ids), max_size=40), ids, st.randoms())
def test_any_graph_ends_and_the_order_of_edges_is_irrelevant(edges, start, random):
    nodes = {name: Node(name, "CODE_BACKEND", modules=(f"module_{name}",)) for name in "abcdefgh"}
    one = analyse(Lineage(nodes, edges), start, 3)
    reached, before = {start}, set[str]()
    while reached != before:
        before, reached = reached, reached | {artifact for artifact, base in edges if base in reached}
    assert sorted(one.affected_code_modules) == sorted(f"module_{name}" for name in reached)
    random.shuffle(edges)
    assert analyse(Lineage(nodes, edges), start, 3) == one


graphs = st.lists(st.tuples(ids, ids), max_size=40)
scopes = st.lists(st.integers(0, 5), min_size=8, max_size=8)


def ranks(edges, counts, tier_delta: int) -> tuple[int, int, int]:
    """Return the days, and the rank of the recommendation, from the artifact a."""
    nodes = {
        name: Node(name, "CODE_BACKEND", "", (f"{name} page",), tuple(f"{name}{n}" for n in range(count)))
        for name, count in zip("abcdefgh", counts, strict=True)
    }
    found = analyse(Lineage(nodes, edges), "a", tier_delta)
    return found.reexecution_scope_days, found.full_redesign_days, RANKS.index(found.recommendation)


@given(graphs, graphs, scopes, scopes, st.integers(0, 4), st.integers(0, 4))
def test_more_dependents_modules_or_evidence_lower_nothing(edges, more_edges, counts, more, delta, higher):
    less = ranks(edges, counts, min(delta, higher))
    grown = [count + extra for count, extra in zip(counts, more, strict=True)]
    assert all(
        after >= before
        for before, after in zip(less, ranks(edges + more_edges, grown, max(delta, higher)), strict=True)
    )


@given(graphs, ids)
def test_a_way_leads_along_the_edges_and_is_no_longer_than_it_must(edges, start):
    nodes = {name: Node(name, "PRD") for name in "abcdefgh"}
    affected = analyse(Lineage(nodes, edges), start, 0).affected
    distances = {each.node.artifact_id: len(each.path) for each in affected}
    assert len(distances) == len(affected)
    for each in affected:
        assert each.path[0] == start
        assert all((above, below) in edges for below, above in pairwise(each.path))
    for above, below in edges:
        if below in distances:
            assert distances[above] <= distances[below] + 1
