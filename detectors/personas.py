"""Who uses the product: the mix of cohorts, for assumptions about personas (PERSONA_MISMATCH)."""

from collections.abc import Mapping


def cohort_mix(users: Mapping[str, int]) -> dict[str, float]:
    """Return each cohort's percentage of all users; empty where there are none.

    A user who is in two cohorts counts in both.
    """
    total = sum(users.values())
    return {cohort: 100 * count / total for cohort, count in users.items()} if total else {}
