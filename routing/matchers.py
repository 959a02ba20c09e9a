"""Which alerts a route, a silence or a window is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
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

    @cached_property
    def wanted(self) -> dict[str, frozenset[str]]:
        """The lists that are not empty: read once, and asked for thousands of targets."""
        listed = {name: getattr(self, name) for name in _ABOUT}
        return {name: frozenset(map(str, values)) for name, values in listed.items() if values}

    def matches(self, target: Target) -> bool:
        """Return whether `target` is one that these are about."""
        return next(_missed(self, target), None) is None

    def misses(self, target: Target) -> list[str]:
        """Return why `target` is none that these are about, in words; empty if it is one."""
        has = _values(target)
        return [
            _why(name, sorted(has[name]), [str(value) for value in getattr(self, name)])
            for name in _missed(self, target)
        ]


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


def _missed(matchers: Matchers, target: Target) -> Iterator[str]:
    """Yield the names of the lists that hold none of what the target has."""
    has = _values(target)
    for name, wanted in matchers.wanted.items():
        if wanted.isdisjoint(has[name]):
            yield name


@lru_cache(maxsize=1024)
def _values(target: Target) -> dict[str, frozenset[str]]:
    """Return what a target has, by the names of lists; all routes and silences ask for it in turn."""
    own = {name: getattr(target, name) for name in _ABOUT if name != "tag"}
    found = {name: frozenset(() if value is None else (str(value),)) for name, value in own.items()}
    return found | {"tag": target.tags}


def _why(name: str, has: list[str], wanted: list[str]) -> str:
    """Return e.g. 'metric: retention, not one of latency_p50, error_rate'."""
    asked = f"not {_listed(wanted)}" if len(wanted) == 1 else f"not one of {_listed(wanted)}"
    return f"{_ABOUT[name]}: {_listed(has) or 'none'}, {asked}"


def _listed(values: list[str]) -> str:
    return ", ".join(value or "(all together)" for value in values)
