import pytest

from detectors.tiers import EvidenceTier, telemetry_tier, tier_delta


@pytest.mark.parametrize(
    ("users", "samples", "tier"),
    [
        (999, 50_000, EvidenceTier.E1),
        (1000, 1000, EvidenceTier.E4),
        (0, 999, EvidenceTier.E1),  # nobody reports users: samples stand for them
        (0, 1000, EvidenceTier.E4),
        (1, 1_000_000, EvidenceTier.E1),
        (0, 0, EvidenceTier.E1),
    ],
)
def test_production_is_the_best_evidence_from_a_thousand_users_on(users, samples, tier):
    assert telemetry_tier(users, samples) is tier


@pytest.mark.parametrize(("telemetry", "by_assumption"), [("E4", [4, 3, 2, 1, 0]), ("E1", [1, 0, 0, 0, 0])])
def test_telemetry_overrules_only_with_better_evidence(telemetry, by_assumption):
    assert [tier_delta(tier, EvidenceTier(telemetry)) for tier in EvidenceTier] == by_assumption
