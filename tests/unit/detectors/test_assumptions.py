from datetime import UTC, datetime
from math import inf
from typing import Any

import pytest

from detectors.assumptions import Assumption, ContentError, read_content
from detectors.bounds import Bounds
from detectors.divergence import DivergenceType
from metrics.names import Kind

LEAST: dict[str, Any] = {"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60}

SHARE: dict[str, Any] = {"unit": "share", "cohort": "mainstream"}


def read(*entries: dict[str, Any]) -> tuple[Assumption, ...]:
    return read_content({"assumptions": list(entries)}).assumptions


def test_four_fields_are_enough():
    (item,) = read(LEAST)
    assert (item.unit, item.cohort, item.feature, item.tolerance, item.evidence_tier) == (
        "%",
        "",
        "",
        0,
        None,
    )
    assert item.bounds == Bounds(60, inf)
    assert item.type is DivergenceType.FEATURE_ADOPTION_MISS
    assert item.is_daily


def test_every_field_is_kept():
    full = {
        **LEAST,
        "statement": "60 % adopt it",
        "cohort": "mainstream",
        "feature": "F12",
        "unit": "%",
        "tolerance": 0.05,
        "tolerance_kind": "relative",
        "evidence_tier": "E2",
        "effective_from": "2026-11-01T00:00:00Z",
        "divergence_type": "PERSONA_MISMATCH",
        "min_users": 500,
        "min_samples": 2000,
        "launch_grace_days": 21,
        "slow": True,
        "shadow_days": 14,
        "owner": "growth",
        "runbook_url": "https://wiki.example/adoption",
    }
    (item,) = read(full)
    assert item.model_dump(mode="json") == full
    assert item.effective_from == datetime(2026, 11, 1, tzinfo=UTC)
    assert item.bounds.lower == pytest.approx(57)
    assert item.type is DivergenceType.PERSONA_MISMATCH


def test_the_rest_of_an_artifact_is_the_teams_own():
    content = read_content({"title": "x", "features": ["F12"], "modules": ["pricing_api"], "body": {"a": 1}})
    assert (content.features, content.modules, content.assumptions) == (("F12",), ("pricing_api",), ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "ms"}, "assumptions[0].unit: 'ms' is no unit of user_adoption: '%' or 'elasticity' or "),
        ({"metric_name": "latency_p50", "unit": "%"}, "assumptions[0].unit: '%' is no unit of latency_p50: "),
        ({"metric_name": "error_rate", "unit": "share"}, "assumptions[0].unit: 'share' is no unit of"),
        ({"unit": "share"}, "assumptions[0].cohort: a share is that of a cohort; name one"),
        ({**SHARE, "value": 101}, "assumptions[0].value: 101 is outside the range of user_adoption, 0 to"),
        ({**SHARE, "metric_name": "feature_usage", "value": 101}, "assumptions[0].value: 101 is outside"),
        ({"unit": None}, "assumptions[0].unit: "),
        ({"vlaue": 1}, "assumptions[0].vlaue: unknown field; known are key, statement"),
        ({"value": "60"}, "assumptions[0].value: Input should be a valid number"),
        ({"value": True}, "assumptions[0].value: Input should be a valid number"),
        ({"value": float("nan")}, "assumptions[0].value: Input should be a finite number"),
        ({"value": 100.5}, "assumptions[0].value: 100.5 is outside the range of user_adoption, 0 to 100 %"),
        ({"value": -1}, "assumptions[0].value: -1 is outside the range of user_adoption"),
        ({"value": 0}, "assumptions[0].value: nothing that user_adoption can be would break it"),
        ({"operator": "<=", "value": 100}, "assumptions[0].value: nothing that user_adoption can be"),
        ({"metric_name": "dau"}, "assumptions[0].metric_name: Input should be 'feature_usage'"),
        ({"metric_name": ["dau"]}, "assumptions[0].metric_name: Input should be 'feature_usage'"),
        ({"operator": ">"}, "assumptions[0].operator: Input should be '>='"),
        ({"tolerance": -1}, "assumptions[0].tolerance: "),
        ({"tolerance": 61}, "assumptions[0].tolerance: 61 is wider than the value 60 itself"),
        ({"tolerance": 5, "tolerance_kind": "relative"}, "assumptions[0].tolerance: a relative one"),
        ({"operator": "within"}, "assumptions[0].tolerance: `within` means value +- tolerance"),
        ({"evidence_tier": "E5"}, "assumptions[0].evidence_tier: "),
        ({"effective_from": "2026-11-01T00:00:00"}, "assumptions[0].effective_from: Input should"),
        ({"min_users": 1.5}, "assumptions[0].min_users: "),
        ({"min_users": 2**31}, "assumptions[0].min_users: Input should be less than 2147483648"),
        ({"min_samples": -1}, "assumptions[0].min_samples: "),
        ({"launch_grace_days": 181}, "assumptions[0].launch_grace_days: Input should be less than"),
        ({"launch_grace_days": "7"}, "assumptions[0].launch_grace_days: Input should be a valid integer"),
        ({"shadow_days": 366}, "assumptions[0].shadow_days: Input should be less than or equal to 365"),
        ({"slow": "yes"}, "assumptions[0].slow: Input should be a valid boolean"),
        ({"runbook_url": "wiki"}, "assumptions[0].runbook_url: "),
        ({"key": ""}, "assumptions[0].key: "),
        ({"cohort": None}, "assumptions[0].cohort: "),
        ({"metric_name": "latency_p50", "unit": "elasticity"}, "assumptions[0].unit: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_path(change, message):
    with pytest.raises(ContentError) as caught:
        read({**LEAST, **change})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"value": 100}, {"value": 0, "operator": "<="}, {"tolerance": 59}])
def test_bounds_that_can_be_broken_are_taken(change):
    assert read({**LEAST, **change})


def test_all_faults_are_told_at_once():
    with pytest.raises(ContentError) as caught:
        read_content({"assumptions": [{**LEAST, "unit": "ms"}, {"key": "b"}], "modules": ["a", ""]})
    paths = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert paths == [
        "assumptions[0].unit",
        "assumptions[1].metric_name",
        "assumptions[1].operator",
        "assumptions[1].value",
        "modules[1]",
    ]


@pytest.mark.parametrize(
    "content", [[], None, {"assumptions": {}}, {"assumptions": None}, {"features": "F12"}]
)
def test_content_of_another_shape_is_refused(content):
    with pytest.raises(ContentError, match=r"^(content|assumptions|features): "):
        read_content(content)


def test_a_key_names_one_assumption():
    with pytest.raises(ContentError, match=r"^assumptions\[1\]\.key: 'adoption' is that of assumptions\[0\]"):
        read(LEAST, {**LEAST, "feature": "F13"})


def test_what_no_telemetry_can_keep_is_refused():
    low = {**LEAST, "key": "low", "operator": "<=", "value": 50}
    with pytest.raises(ContentError, match=r"^assumptions\[1\]\.value: <= 50 contradicts assumptions\[0\]"):
        read(LEAST, low)
    assert len(read(LEAST, {**low, "tolerance": 10})) == 2
    assert len(read(LEAST, {**low, "cohort": "early"})) == 2


def test_an_elasticity_is_signed_and_not_tested_by_days():
    entry = {**LEAST, "operator": "within", "value": -1.2, "tolerance": 0.3, "unit": "elasticity"}
    (item,) = read(entry)
    assert not item.is_daily
    assert item.type is DivergenceType.PRICING_ELASTICITY_MISS
    assert (item.bounds.lower, item.bounds.upper) == pytest.approx((-1.5, -0.9))


def test_a_share_is_a_rate_of_a_cohort():
    (item,) = read({**LEAST, **SHARE, "metric_name": "feature_usage", "tolerance": 5})
    assert (item.kind, item.is_daily, item.type) == (Kind.RATE, True, DivergenceType.PERSONA_MISMATCH)
    assert item.bounds == Bounds(55, inf)


def test_the_time_of_a_grace_and_of_silence_has_an_end():
    (item,) = read({**LEAST, "launch_grace_days": 180, "shadow_days": 365, "min_samples": 0})
    assert (item.launch_grace_days, item.shadow_days, item.min_samples, item.slow) == (180, 365, 0, False)


def test_an_assumption_survives_json():
    (item,) = read(LEAST)
    assert Assumption.model_validate_json(item.model_dump_json()) == item
