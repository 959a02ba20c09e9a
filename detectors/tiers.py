"""Evidence tiers (DataModel.md, 12. Evidence) and which of two tiers overrules the other."""

from enum import StrEnum

PRODUCTION_USERS = 1000
"""From so many users on, production telemetry is the best evidence there is (E3 -> E4)."""


class EvidenceTier(StrEnum):
    """How good a piece of evidence is, from none (E0) to 1000 users in production (E4)."""

    E0 = "E0"
    E1 = "E1"
    E2 = "E2"
    E3 = "E3"
    E4 = "E4"

    @property
    def rank(self) -> int:
        """0 for E0 to 4 for E4."""
        return int(self.value[1])


def head_count(users: int, samples: int) -> int:
    """Return how many people telemetry speaks for: distinct users, or samples where none are reported (0)."""
    return users or samples


def telemetry_tier(users: int, samples: int) -> EvidenceTier:
    """Return the tier of telemetry from `users` distinct users (0 = not reported) in `samples` samples."""
    return EvidenceTier.E4 if head_count(users, samples) >= PRODUCTION_USERS else EvidenceTier.E1


def tier_delta(assumption: EvidenceTier, telemetry: EvidenceTier) -> int:
    """Return by how many tiers telemetry is the better evidence, 0 to 4: it overrules only with better."""
    return max(0, telemetry.rank - assumption.rank)
