"""What several of the lists of `test_values.py` say: words, lengths, numbers, and whose row is meant."""


def words(column: str, good: str) -> tuple[list[str], list[str]]:
    """Each word of a closed list is taken, another is not, nor one in lower case."""
    listed = good.split()
    refused = ("NO_SUCH", listed[-1].swapcase(), "")
    return [f"{column} = '{word}'" for word in listed], [f"{column} = '{word}'" for word in refused]


def lengths(column: str, least: int, most: int) -> tuple[list[str], list[str]]:
    good = [f"{column} = repeat('ä', {length})" for length in (least, most)]
    bad = [f"{column} = repeat('ä', {length})" for length in (least - 1, most + 1) if length >= 0]
    return good, bad


def numbers(column: str, least: int, most: int) -> tuple[list[str], list[str]]:
    return [f"{column} = {least}", f"{column} = {most}"], [
        f"{column} = {least - 1}",
        f"{column} = {most + 1}",
    ]


PHASES = "DISCOVER DEFINE DESIGN DEVELOP DEPLOY"
TIERS = "E0 E1 E2 E3 E4"
ROLES = "ADMIN MEMBER VIEWER"
METRICS = "feature_usage retention crash_rate latency_p50 error_rate user_adoption"
DIVERGENCES = "PERSONA_MISMATCH FEATURE_ADOPTION_MISS PRICING_ELASTICITY_MISS LATENCY_MISS"
COUNTED = "created_by = NULL, escalation_status = 'ESCALATED'"
FIRST = "(SELECT min({0}::text)::uuid FROM evidence)"
SAME_ARTIFACT = ", ".join(
    f"{name} = {FIRST.format(name)}" for name in ("org_id", "project_id", "artifact_id")
)
SAME_PROJECT = ", ".join(f"{name} = {FIRST.format(name)}" for name in ("org_id", "project_id"))
SOMEBODY = "(SELECT min(id::text)::uuid FROM app_user)"
