import pytest

from cli.demo.planted import PLANTED, Finding, Reported, score
from detectors.divergence import Classification, DivergenceType, Recommendation

ALL = [Reported(p.project, p.artifact, p.finding) for p in PLANTED if p.finding]
OTHER = Finding(DivergenceType.LATENCY_MISS, Classification.COSMETIC, Recommendation.SKIP, alerted=False)


def counts(reported: list[Reported]) -> tuple[int, int, int, bool]:
    result = score(reported)
    return result.found, result.missed, result.false, result.perfect


def test_all_found_and_nothing_else_is_perfect():
    assert counts(ALL) == (4, 0, 0, True)


def test_nothing_found_is_all_missed():
    assert counts([]) == (0, 4, 0, False)


def test_a_report_on_what_holds_is_false():
    held = next(p for p in PLANTED if p.finding is None)
    assert counts([*ALL, Reported(held.project, held.artifact, OTHER)]) == (4, 0, 1, False)


def test_a_report_on_something_unknown_is_false():
    assert counts([*ALL, Reported("Checkout", "elsewhere", OTHER)]) == (4, 0, 1, False)


def test_a_second_report_on_the_same_divergence_is_false():
    assert counts([*ALL, ALL[0]]) == (4, 0, 1, False)


@pytest.mark.parametrize(
    "change",
    [
        {"divergence_type": DivergenceType.PRICING_ELASTICITY_MISS},
        {"classification": Classification.MAJOR},
        {"recommendation": Recommendation.FULL_REDESIGN},
        {"alerted": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_report_that_says_something_else_is_missed_and_false(change):
    wrong = ALL[0]._replace(finding=ALL[0].finding._replace(**change))
    assert counts([wrong, *ALL[1:]]) == (3, 1, 1, False)
