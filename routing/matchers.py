"""Which alerts a route, a silence or a window is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from detectors.divergence import Classification, DivergenceType
from metrics.names import Metric

MOST_VALUES = 50
LONGEST_VALUE = 100


def _storable(value: str) -> str:
    if "\0" in value:
        raise ValueError("a NUL character is in no text of ours")
    return value


Value = Annotated[str, Field(max_length=LONGEST_VALUE), AfterValidator(_storable)]


class NoticeKind(StrEnum):
    """What the system says of itself (storage.tables.AlertNotice)."""

    PROJECT_SILENT = "PROJECT_SILENT"
    COHORT_SILENT = "COHORT_SILENT"
    DEAD_LETTERS = "DEAD_LETTERS"
    DETECTION_BEHIND = "DETECTION_BEHIND"


@dataclass(frozen=True, slots=True)
class Target:
    """What is matched: a report, or a notice. None is what it has not.

    A `cohort` or `feature` of '' is all of them together. `tags` are those of the report's artifact.
    """

    project_id: UUID
    divergence_type: str | None = None
    classification: str | None = None
    metric_name: str | None = None
    cohort: str | None = None
    feature: str | None = None
    tags: frozenset[str] = frozenset()
    notice: str | None = None


class Matchers(BaseModel):
    """Lists of values: each that is not empty must hold the target's own, letter by letter.

    `tag` holds any of the tags of the report's artifact. What a target has not is in no list.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    project_id: tuple[UUID, ...] = Field((), max_length=MOST_VALUES)
    divergence_type: tuple[DivergenceType, ...] = Field((), max_length=MOST_VALUES)
    classification: tuple[Classification, ...] = Field((), max_length=MOST_VALUES)
    metric_name: tuple[Metric, ...] = Field((), max_length=MOST_VALUES)
    cohort: tuple[Value, ...] = Field((), max_length=MOST_VALUES, description="'' is all cohorts together.")
    feature: tuple[Value, ...] = Field((), max_length=MOST_VALUES, description="'' is all features together.")
    tag: tuple[Value, ...] = Field((), max_length=MOST_VALUES, description="Any tag of its artifact.")
    notice: tuple[NoticeKind, ...] = Field((), max_length=MOST_VALUES)

    def matches(self, target: Target) -> bool:
        """Return whether `target` is one that these are about."""
        return not any(True for _ in _missed(self, target))

    def misses(self, target: Target) -> list[str]:
        """Return why `target` is none that these are about, in words; empty if it is one."""
        return [_why(name, has, wanted) for name, has, wanted in _missed(self, target)]


_ABOUT = {
    "project_id": "project",
    "divergence_type": "divergence type",
    "classification": "classification",
    "metric_name": "metric",
    "cohort": "cohort",
    "feature": "feature",
    "tag": "tag of its artifact",
    "notice": "notice",
}


def _missed(matchers: Matchers, target: Target) -> Iterator[tuple[str, list[str], list[str]]]:
    for name in _ABOUT:
        wanted = [str(value) for value in getattr(matchers, name)]
        has = _has(name, target)
        if wanted and not set(wanted).intersection(has):
            yield name, has, wanted


def _has(name: str, target: Target) -> list[str]:
    if name == "tag":
        return sorted(target.tags)
    value = getattr(target, name)
    return [] if value is None else [str(value)]


def _why(name: str, has: list[str], wanted: list[str]) -> str:
    """Return e.g. 'metric: retention, not one of latency_p50, error_rate'."""
    asked = f"not {_listed(wanted)}" if len(wanted) == 1 else f"not one of {_listed(wanted)}"
    return f"{_ABOUT[name]}: {_listed(has) or 'none'}, {asked}"


def _listed(values: list[str]) -> str:
    return ", ".join(value or "(all together)" for value in values)
