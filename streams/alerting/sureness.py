"""How sure a report is, in words and in numbers (the table: docs/alerts.md)."""

from detectors.numbers import number
from storage.findings import Report

_WORDS = (
    (1000.0, "practically certain"),
    (100.0, "very sure"),
    (10.0, "sure"),
    (1.0, "sure enough to tell"),
    (0.0, "no longer as sure as when it was told"),
)
"""By the evidence against the assumption, as a multiple of the threshold at which it is told."""
ESTIMATED = "an estimate, without a test"


def in_words(report: Report) -> str:
    """Return how sure it is: "very sure"."""
    ratio = share(report)
    if ratio is None:
        return ESTIMATED
    return next(said for least, said in _WORDS if ratio >= least)


def in_numbers(report: Report) -> str:
    """Return the evidence, its threshold and the confidence of the interval; '' where none is known."""
    said = []
    if report.e_value is not None and report.threshold is not None:
        said.append(f"evidence {number(report.e_value)} against a threshold of {number(report.threshold)}")
    if report.confidence is not None:
        said.append(f"interval at {report.confidence:.0%} confidence".replace("%", " %"))
    return ", ".join(said)


def share(report: Report) -> float | None:
    """Return the evidence as a multiple of the threshold, None where no test was made."""
    if report.e_value is None or not report.threshold:
        return None
    return report.e_value / report.threshold
