"""How loud an alert is to be."""

from enum import StrEnum

from detectors.divergence import Classification, Recommendation


class Severity(StrEnum):
    """How loud a channel is to be, in PagerDuty's words; the loudest first."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


def severity(classification: str, recommendation: str) -> Severity:
    """Return how loud a report is: a cosmetic one wakes nobody, a redesign is the loudest."""
    if classification == Classification.COSMETIC:
        return Severity.INFO
    if classification == Classification.MINOR:
        return Severity.WARNING
    return Severity.CRITICAL if recommendation == Recommendation.FULL_REDESIGN else Severity.ERROR
