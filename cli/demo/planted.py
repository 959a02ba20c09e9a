"""What the simulation planted, and how well what was reported agrees with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from detectors.divergence import Classification, DivergenceType, Recommendation


class Finding(NamedTuple):
    """What a report says, or should: `alerted` is whether the webhook received it."""

    divergence_type: DivergenceType
    classification: Classification
    recommendation: Recommendation
    alerted: bool

    def __str__(self) -> str:
        alert = "webhook" if self.alerted else "no webhook"
        return f"{self.divergence_type} {self.classification}, {self.recommendation}, {alert}"


@dataclass(frozen=True)
class Planted:
    """An assumption of the simulated product; `finding` is None where it holds or cannot be judged."""

    project: str
    artifact: str
    assumption: str
    story: str
    finding: Finding | None = None


PLANTED: tuple[Planted, ...] = (
    Planted(
        "Checkout",
        "prd-one-page-checkout",
        "one-page-checkout-adoption",
        "assumed 60 %, is 52 %",
        Finding(
            DivergenceType.FEATURE_ADOPTION_MISS, Classification.COSMETIC, Recommendation.SKIP, alerted=False
        ),
    ),
    Planted(
        "Checkout",
        "api-orders",
        "order-latency",
        "assumed 300 ms, breaks in week four",
        Finding(DivergenceType.LATENCY_MISS, Classification.MINOR, Recommendation.REEXECUTE, alerted=True),
    ),
    Planted(
        "Loyalty",
        "prd-points",
        "points-adoption",
        "assumed 60 %, is 42 %",
        Finding(
            DivergenceType.FEATURE_ADOPTION_MISS, Classification.MINOR, Recommendation.REEXECUTE, alerted=True
        ),
    ),
    Planted(
        "Patient app",
        "persona-clinic-manager",
        "clinic-retention",
        "guessed 55 %, is 36 %, seven modules rest on it",
        Finding(
            DivergenceType.PERSONA_MISMATCH,
            Classification.MAJOR,
            Recommendation.FULL_REDESIGN,
            alerted=True,
        ),
    ),
    Planted("Loyalty", "persona-bargain-hunter", "early-adopter-retention", "hours wobble across the bound"),
    Planted("Search", "architecture-search", "search-errors", "holds comfortably"),
    Planted("Patient app", "architecture-app", "app-crashes", "holds comfortably"),
    Planted("Scheduling", "prd-slot-finder", "slot-finder-usage", "holds comfortably"),
    Planted("Scheduling", "prd-video-visits", "video-visits-adoption", "eleven users: too little data"),
)


class Reported(NamedTuple):
    """A report as the API gives it, with the artifact it is about."""

    project: str
    artifact: str
    finding: Finding


class Line(NamedTuple):
    """One line of the comparison; `agrees` is whether `reported` is what was planted."""

    planted: Planted
    reported: tuple[Finding, ...]

    @property
    def agrees(self) -> bool:
        """Whether there is exactly the report that was planted, or none where none was."""
        return self.reported == ((self.planted.finding,) if self.planted.finding else ())


class Score(NamedTuple):
    """Planted against found: a report that says something else than planted is missed and false at once."""

    lines: tuple[Line, ...]
    found: int
    missed: int
    false: int

    @property
    def perfect(self) -> bool:
        """Whether all that was planted was found, and nothing else."""
        return not self.missed and not self.false


def score(reported: Iterable[Reported], planted: tuple[Planted, ...] = PLANTED) -> Score:
    """Compare; a second report about the same divergence is false, and so is one about something unknown."""
    by_artifact: dict[tuple[str, str], list[Finding]] = {}
    for report in reported:
        by_artifact.setdefault((report.project, report.artifact), []).append(report.finding)
    lines = tuple(Line(item, tuple(by_artifact.pop((item.project, item.artifact), ()))) for item in planted)
    found = sum(line.planted.finding in line.reported for line in lines if line.planted.finding)
    false = sum(len(line.reported) for line in lines) - found + sum(map(len, by_artifact.values()))
    return Score(lines, found, sum(line.planted.finding is not None for line in lines) - found, false)
