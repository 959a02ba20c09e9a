"""What a team wrote down: `content.assumptions` of an artifact, checked so that no typo is ignored."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Annotated, Any, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from detectors.bounds import Bounds, Operator, ToleranceKind
from detectors.divergence import DivergenceType, default_type
from detectors.tiers import EvidenceTier
from metrics.names import UNITS, Metric

ELASTICITY = "elasticity"
"""The unit of an assumption about the response of `metric_name` to price (see `detectors.elasticity`)."""
_RESPONSES = {Metric.USER_ADOPTION, Metric.FEATURE_USAGE, Metric.RETENTION}

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
Series = Annotated[str, StringConstraints(max_length=100)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class ContentError(ValueError):
    """An artifact's content cannot be used; the message names the JSON path, what is wrong and what to do."""


class Assumption(BaseModel):
    """One entry of `content.assumptions`: `value` and `tolerance` in `unit`, the unit of the Telemetry value.

    `tolerance` moves the bound outwards: absolute, or a share of the value (0.05 = 5 %). `evidence_tier` and
    `effective_from` default to the artifact's tier and the time of approval; `min_users` is what a day needs
    at least. With unit `elasticity`, `value` is a price elasticity: no day is tested.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Name
    statement: Annotated[str, StringConstraints(max_length=1000)] = ""
    metric_name: Metric
    cohort: Series = ""
    feature: Series = ""
    operator: Operator
    value: Number
    unit: str = ""
    tolerance: Annotated[Number, Field(ge=0)] = 0.0
    tolerance_kind: ToleranceKind = ToleranceKind.ABSOLUTE
    evidence_tier: EvidenceTier | None = None
    effective_from: AwareDatetime | None = None
    divergence_type: DivergenceType | None = None
    min_users: Annotated[int, Field(strict=True, ge=0)] = 0
    owner: Annotated[str, StringConstraints(max_length=200)] = ""
    runbook_url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^(https?://\S+)?$")] = ""

    @property
    def is_daily(self) -> bool:
        """Whether the daily test applies: not to an elasticity, which needs several prices."""
        return self.unit != ELASTICITY

    @property
    def bounds(self) -> Bounds:
        """What is allowed, in `unit`."""
        return Bounds.of(self.operator, self.value, self.tolerance, self.tolerance_kind)

    @property
    def type(self) -> DivergenceType:
        """The type of its divergence, named or by default."""
        if self.divergence_type is not None:
            return self.divergence_type
        return default_type(self.metric_name) if self.is_daily else DivergenceType.PRICING_ELASTICITY_MISS

    @model_validator(mode="before")
    @classmethod
    def _unit_by_default(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "unit" not in data and data.get("metric_name") in list(Metric):
            return {**data, "unit": UNITS[Metric(data["metric_name"])]}
        return data

    @field_validator("unit")
    @classmethod
    def _unit_suits(cls, unit: str, info: Any) -> str:
        metric: Metric | None = info.data.get("metric_name")
        if metric is not None and unit not in {UNITS[metric], ELASTICITY}:
            raise ValueError(f"{unit!r} is not the unit of {metric}: {UNITS[metric]!r} (or {ELASTICITY!r})")
        return unit

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        problem = _tolerance_problem(self) or _range_problem(self)
        if problem:
            raise ValueError(problem)
        return self


def _tolerance_problem(item: Assumption) -> str:
    if item.tolerance_kind is ToleranceKind.RELATIVE and item.tolerance > 1:
        return "tolerance: a relative one is a share of the value, 0 to 1 (0.05 = 5 %)"
    if item.tolerance_kind is ToleranceKind.ABSOLUTE and item.value and item.tolerance > abs(item.value):
        return f"tolerance: {item.tolerance:g} is wider than the value {item.value:g} itself"
    if item.operator is Operator.WITHIN and item.bounds.lower == item.bounds.upper:
        return "tolerance: `within` means value +- tolerance and needs one above 0"
    return ""


def _range_problem(item: Assumption) -> str:
    if not item.is_daily:
        return "" if item.metric_name in _RESPONSES else f"metric_name: {item.metric_name} is no demand"
    most = 100.0 if item.unit == "%" else None
    if item.value < 0 or (most is not None and item.value > most):
        allowed = "0 to 100 %" if most else "0 or more"
        return f"value: {item.value:g} is outside the range of {item.metric_name}, {allowed}"
    low_open = item.bounds.lower <= 0
    high_open = item.bounds.upper >= (most or float("inf"))
    if low_open and high_open:
        return f"value: nothing that {item.metric_name} can be would break it (with the tolerance)"
    return ""


class ArtifactContent(BaseModel):
    """What detection and cascade read of an artifact's content; its other fields are the team's own."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    assumptions: tuple[Assumption, ...] = ()
    features: tuple[Name, ...] = ()
    modules: tuple[Name, ...] = ()


def read_content(content: Mapping[str, Any]) -> ArtifactContent:
    """Return what detection reads of `artifact.content`.

    Raises:
        ContentError: a line for each fault, each with its JSON path ("assumptions[2].unit: ..."): a wrong or
            unknown field, a key given twice, or two assumptions that no telemetry can keep both.
    """
    try:
        read = ArtifactContent.model_validate(content)
    except ValidationError as error:
        raise ContentError("\n".join(_readable(fault) for fault in error.errors())) from None
    faults = [*_repeated(read.assumptions), *_contradicting(read.assumptions)]
    if faults:
        raise ContentError("\n".join(faults))
    return read


def _repeated(assumptions: Iterable[Assumption]) -> Iterable[str]:
    first: dict[str, int] = {}
    for index, item in enumerate(assumptions):
        if first.setdefault(item.key, index) != index:
            yield f"assumptions[{index}].key: {item.key!r} is that of assumptions[{first[item.key]}] already"


def _contradicting(assumptions: Iterable[Assumption]) -> Iterable[str]:
    for (i, one), (j, two) in combinations(enumerate(assumptions), 2):
        if _series(one) == _series(two) and not one.bounds.overlaps(two.bounds):
            yield (
                f"assumptions[{j}].value: {two.operator} {two.value:g} contradicts assumptions[{i}] "
                f"({one.operator} {one.value:g}) on the same series"
            )


def _series(item: Assumption) -> tuple[str, ...]:
    return item.metric_name, item.cohort, item.feature, item.unit


def _readable(fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
    field, colon, rest = message.partition(": ")
    if colon and field in Assumption.model_fields:
        return f"{path}.{field}: {rest}"
    if fault["type"] == "tuple_type":
        message = "a list is meant"
    if fault["type"] == "extra_forbidden":
        message = f"unknown field; known are {', '.join(Assumption.model_fields)}"
    return f"{path or 'content'}: {message}"
