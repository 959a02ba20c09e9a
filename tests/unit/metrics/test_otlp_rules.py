import pytest

from metrics.otlp_rules import DEFAULTS, Condition, Rules, RulesError, read

USED = {"match": {"name": "checkout.uses"}, "as": "count", "metric_name": "feature_usage"}


def test_an_empty_mapping_is_the_defaults():
    assert read({}).in_force == DEFAULTS


def test_the_example_of_the_document_is_right():
    example = Rules.model_json_schema()["examples"][0]
    assert Rules.model_validate(example).model_dump(mode="json", by_alias=True, exclude_unset=True) == example


def test_the_defaults_can_be_switched_off():
    assert read({"defaults": False}).in_force == ()


def test_a_projects_own_rules_come_before_the_defaults():
    rules = read({"rules": [USED]})
    assert rules.in_force == (*rules.rules, *DEFAULTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"as": "counts"}, "rules.0.as: Input should be 'count'"),
        ({"metric_name": "usage"}, "rules.0.metric_name: Input should be"),
        ({"metric_name": None}, "rules.0: metric_name: `count` needs one"),
        (
            {"metric_name": "error_rate"},
            "as: error_rate is made of ratio, numerator, denominator, not of count",
        ),
        ({"match": {}}, "rules.0.match.name: Field required"),
        ({"match": {"name": "x", "kind": ["gauge"]}}, "match.kind: gauge cannot be used as count"),
        ({"match": {"name": "x", "kind": ["meter"]}}, "rules.0.match.kind.0: Input should be"),
        ({"numerator_if": [{"ok": {"present": True}}]}, "numerator_if: goes with `ratio`"),
        ({"as": "ratio", "metric_name": "error_rate"}, "`ratio` needs it"),
        ({"unit_scale": 0}, "rules.0.unit_scale: Input should be greater than 0"),
        ({"unit_scale": "1000"}, "rules.0.unit_scale: Input should be a valid number"),
        ({"cohort": "x" * 101}, "rules.0.cohort: String should have at most 100"),
        ({"cohrt": "x"}, "rules.0.cohrt: Extra inputs are not permitted"),
        ({"match": {"name": "x", "kind": []}}, "rules.0.match.kind: Tuple should have at least 1"),
        ({"match": {"name": "x", "attributes": {"k": "pro"}}}, "rules.0.match.attributes.k: Input should be"),
        (
            {"match": {"name": "x", "attributes": {"k": {"over": 1}}}},
            "rules.0.match.attributes.k.over: Extra",
        ),
        (
            {"match": {"name": "x", "attributes": {"k": {"any_of": []}}}},
            "rules.0.match.attributes.k.any_of: Tuple should",
        ),
    ],
)
def test_a_fault_is_told_with_its_path(change, message):
    with pytest.raises(RulesError) as error:
        read({"rules": [USED | change]})
    assert message in str(error.value)


def test_every_fault_is_told_at_once():
    with pytest.raises(RulesError) as error:
        read({"defaults": "no", "rules": [USED, USED | {"as": "x"}, 7]})
    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == [
        "defaults",
        "rules.1.as",
        "rules.2",
    ]


@pytest.mark.parametrize("document", [None, [], "x", 7])
def test_what_is_no_object_is_refused(document):
    with pytest.raises(RulesError, match="the mapping: Input should be"):
        read(document)


@pytest.mark.parametrize(
    ("condition", "fitting", "unfit"),
    [
        ({"any_of": ["pro"]}, ["pro"], ["Pro", "", None]),
        ({"any_of": [500]}, [500, 500.0, "500"], [501, "500.1", None]),
        ({"any_of": [True]}, [True, "true"], [False, "True", 1, None]),
        ({"any_of": ["a", 7]}, ["a", 7, "7"], ["b", None]),
        ({"at_least": 500}, [500, "503", 599.5], [499, "x", None, True]),
        ({"at_least": 400, "below": 500}, [400, 499], [399, 500]),
        ({"glob": "/api/*"}, ["/api/x", "/api/"], ["/", None]),
        ({}, ["", 0, False], [None]),
        ({"present": True}, ["", 0, False], [None]),
        ({"present": False}, [None], ["", 0]),
    ],
)
def test_conditions(condition, fitting, unfit):
    judged = Condition.model_validate(condition)
    assert [value for value in fitting if not judged.holds(value)] == []
    assert [value for value in unfit if judged.holds(value)] == []
