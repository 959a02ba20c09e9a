"""What is said of each of the four types of divergence, and how each comes by its type."""

from typing import Any

import pytest

from detectors.assumptions import Assumption
from detectors.divergence import DivergenceType
from detectors.numbers import number
from detectors.wording import amount, said

ADOPTION = {"metric_name": "user_adoption", "cohort": "mainstream", "feature": "F12", "value": 60}
SHARE = {"metric_name": "user_adoption", "unit": "share", "cohort": "mainstream", "value": 60}
ELASTICITY = {"metric_name": "feature_usage", "unit": "elasticity", "operator": "<=", "value": -1.2}
MISSED = DivergenceType.FEATURE_ADOPTION_MISS
PERSONA = DivergenceType.PERSONA_MISMATCH
SLOW = DivergenceType.LATENCY_MISS
PRICE = DivergenceType.PRICING_ELASTICITY_MISS


@pytest.mark.parametrize(
    ("fields", "expected", "actual", "gap", "sentence"),
    [
        (
            *(ADOPTION, MISSED, 42, -0.3),
            (
                "We assumed that adoption of F12 among mainstream is at least 60 %; "
                "in production it is 42 %, 30 % lower."
            ),
        ),
        (
            *({"metric_name": "feature_usage", "value": 500}, MISSED, 400, -0.2),
            "We assumed that hourly use is at least 500; in production it is 400, 20 % lower.",
        ),
        (
            *({"metric_name": "latency_p50", "operator": "<=", "value": 300}, SLOW, 480, 0.6),
            "We assumed that median latency is at most 300 ms; in production it is 480 ms, 60 % higher.",
        ),
        (
            *({"metric_name": "error_rate", "operator": "<=", "value": 1}, SLOW, 1.5, 0.5),
            "We assumed that the error rate is at most 1 %; in production it is 1.5 %, 50 % higher.",
        ),
        (
            *({"metric_name": "crash_rate", "operator": "<=", "value": 0.1}, SLOW, 0.2, 1),
            "We assumed that the crash rate is at most 0.1 %; in production it is 0.2 %, 100 % higher.",
        ),
        (
            *({"metric_name": "retention", "cohort": "enterprise", "value": 90}, PERSONA, 63, -0.3),
            (
                "We assumed that retention among enterprise is at least 90 %; in production it is 63 %, "
                "30 % lower."
            ),
        ),
        (
            *(SHARE, PERSONA, 45, -0.25),
            "We assumed that mainstream is at least 60 % of users; in production it is 45 %.",
        ),
        (
            *({**SHARE, "operator": "within", "tolerance": 5, "feature": "F12"}, PERSONA, 45.04, -0.18),
            "We assumed that mainstream is about 60 % of users of F12; in production it is 45.04 %.",
        ),
        (
            *(ELASTICITY, PRICE, -0.5, 0.58),
            (
                "We assumed that the price elasticity of hourly use is at most -1.2; "
                "in production it is -0.5: 10 % on the price moves it by -4.7 %, not by -11 %."
            ),
        ),
    ],
)
def test_each_type_is_said_in_one_sentence(
    fields: dict[str, Any], expected: DivergenceType, actual: float, gap: float, sentence: str
):
    item = Assumption.model_validate({"key": "a", "operator": ">=", **fields})
    assert item.type is expected
    assert said(item, actual, gap) == sentence


def test_a_named_type_goes_before_the_default():
    named = Assumption.model_validate({"key": "a", "operator": ">=", **ADOPTION, "divergence_type": PERSONA})
    assert named.type is PERSONA


def test_a_share_is_shown_as_a_percentage():
    assert amount(45, "share") == "45 %"
    assert amount(1500, "count") == "1,500 count"


@pytest.mark.parametrize(
    ("value", "read"),
    [(0.12345, "0.1235"), (1234.5, "1,234"), (9999.6, "10,000"), (12_345.6, "12,346"), (1.2e12, "1.2e+12")],
)
def test_no_power_of_ten_where_digits_do(value: float, read: str):
    assert (number(value), number(-value)) == (read, f"-{read}")
    assert amount(value, "count") == f"{read} count"
