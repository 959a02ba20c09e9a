from typing import Any

import pytest

from detectors.assumptions import Assumption, ContentError, read_content
from detectors.contradictions import contradictions

ADOPTION: dict[str, Any] = {"key": "a", "metric_name": "user_adoption", "operator": ">=", "value": 60}
SHARES: dict[str, Any] = {**ADOPTION, "unit": "share"}


def share(cohort: str, value: float, **more: Any) -> dict[str, Any]:
    return {**SHARES, "key": f"{cohort} {value} {more}", "cohort": cohort, "value": value, **more}


def told(*entries: dict[str, Any], standing: tuple[dict[str, Any], ...] = ()) -> list[str]:
    new = [Assumption(**entry).claim(f"assumptions[{index}]") for index, entry in enumerate(entries)]
    old = [Assumption(**entry).claim(f"{entry['key']!r} of PRD") for entry in standing]
    return list(contradictions(new, old))


@pytest.mark.parametrize(
    ("other", "against"),
    [
        ({"operator": "<=", "value": 50}, 1),
        ({"operator": "<=", "value": 50, "tolerance": 9}, 1),
        ({"operator": "<=", "value": 50, "tolerance": 10}, 0),
        ({"operator": "<=", "value": 60}, 0),
        ({"operator": "within", "value": 50, "tolerance": 5}, 1),
        ({"operator": ">=", "value": 90}, 0),
        ({"operator": "<=", "value": 50, "cohort": "early"}, 0),
        ({"operator": "<=", "value": 50, "feature": "F12"}, 0),
        ({"operator": "<=", "value": 50, "metric_name": "retention"}, 0),
        ({"operator": "<=", "value": 50, "unit": "elasticity"}, 0),
    ],
)
def test_what_stands_elsewhere_on_the_same_series(other: dict[str, Any], against: int):
    lines = told({**ADOPTION, "key": "b", **other}, standing=(ADOPTION,))
    assert len(lines) == against
    for line in lines:
        assert line.startswith("assumptions[0].value: ")
        assert line.endswith("contradicts 'a' of PRD (>= 60) on the same series")


def test_what_stands_elsewhere_is_not_compared_with_itself():
    low = {**ADOPTION, "key": "low", "operator": "<=", "value": 50}
    assert told({**ADOPTION, "feature": "F12"}, standing=(ADOPTION, low)) == []


def test_shares_of_one_whole_come_to_100_at_most():
    with pytest.raises(ContentError) as caught:
        read_content({"assumptions": [share("early", 60), share("late", 30), share("rest", 11)]})
    assert str(caught.value) == (
        "assumptions[2].value: with assumptions[1] (>= 30), assumptions[0] (>= 60) the shares come to 101 % "
        "at least, above 100 %"
    )
    assert told(share("early", 60), share("late", 30), share("rest", 10)) == []


@pytest.mark.parametrize(
    "other",
    [
        share("late", 41, feature="F12"),
        share("late", 41, metric_name="retention"),
        share("late", 41, tolerance=1),
        share("late", 41, operator="<="),
        share("early", 41),
        {**ADOPTION, "key": "b", "cohort": "late", "value": 41},
    ],
)
def test_what_is_of_another_whole_or_takes_nothing_of_it(other: dict[str, Any]):
    assert told(share("early", 60), other) == []


def test_a_cohort_counts_once_with_its_greatest_least_share():
    assert told(share("early", 40), share("late", 30), standing=(share("early", 60),)) == []
    (line,) = told(share("late", 45), standing=(share("early", 60), share("early", 40)))
    assert line.startswith("assumptions[0].value: with 'early 60 {}' of PRD (>= 60) the shares come to 105 %")


def test_what_was_too_much_before_is_nobodys_new_fault():
    standing = (share("early", 60), share("late", 60))
    assert told({**ADOPTION, "key": "b"}, standing=standing) == []
    assert told(share("early", 50), standing=standing) == []


def test_a_share_counts_however_small_and_one_that_may_be_nothing_is_not_named():
    nothing = share("lapsed", 5, operator="within", tolerance=5)
    (line,) = told(nothing, share("early", 99.5), share("late", 0.8))
    assert line == (
        "assumptions[2].value: with assumptions[1] (>= 99.5) the shares come to 100.3 % at least, above 100 %"
    )
    assert told(nothing, share("early", 99.5), share("late", 0.5)) == []
