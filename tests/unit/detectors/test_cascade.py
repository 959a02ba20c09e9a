import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.cascade import Lineage, Node, analyse
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


ids = st.sampled_from("abcdefgh")


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
