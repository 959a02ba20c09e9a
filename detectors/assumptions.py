"""What a team wrote down: `content.assumptions` of an artifact, checked so that no typo is ignored."""

from collections.abc import Iterable, Mapping
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
from detectors.contradictions import Claim, contradictions
from detectors.divergence import DivergenceType, default_type
from detectors.tiers import EvidenceTier
from metrics.names import KINDS, UNITS, Kind, Metric

ELASTICITY = "elasticity"
"""The unit of an assumption about the response of `metric_name` to price (see `detectors.elasticity`)."""
SHARE = "share"
"""The unit of an assumption about a cohort: its percentage of the users of `metric_name` in all cohorts."""
_DEMAND = {Metric.USER_ADOPTION, Metric.FEATURE_USAGE, Metric.RETENTION}
"""What has a response to price, and users of whom a cohort may be a share."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
Series = Annotated[str, StringConstraints(max_length=100)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Days = Annotated[int, Field(strict=True, ge=0)]


class ContentError(ValueError):
    """An artifact's content cannot be used; the message names the JSON path, what is wrong and what to do."""


class Assumption(BaseModel):
    """One entry of `content.assumptions`: `value` and `tolerance` in `unit`, the unit of the Telemetry value.

    `tolerance` moves the bound outwards: absolute, or a share of the value (0.05 = 5 %). `evidence_tier` and
    `effective_from` default to the artifact's tier and the time of approval; `min_users` and `min_samples`
    are what a day needs at least (None: the test's own). With unit `elasticity`, `value` is a price
    elasticity: no day is tested. With unit `share`, it is a percentage of the metric's users.

    For `launch_grace_days` from `effective_from` nothing is tested, as the value ramps up. For `shadow_days`
    it is, and nobody is told. A `slow` metric swings for weeks: it is given no head start.
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
    min_users: Count = 0
    min_samples: Count | None = None
    launch_grace_days: Annotated[Days, Field(le=180)] = 0
    slow: Annotated[bool, Field(strict=True)] = False
    shadow_days: Annotated[Days, Field(le=365)] = 0
    owner: Annotated[str, StringConstraints(max_length=200)] = ""
    runbook_url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^(https?://\S+)?$")] = ""

    @property
    def is_daily(self) -> bool:
        """Whether the daily test applies: not to an elasticity, which needs several prices."""
        return self.unit != ELASTICITY

    @property
    def kind(self) -> Kind:
        """How the tested value is made: a share is a rate, whatever its metric is."""
        return Kind.RATE if self.unit == SHARE else KINDS[self.metric_name]

    @property
    def series_cohort(self) -> str:
        """The cohort whose Telemetry it is about, '' for all of them: a share is one of all."""
        return "" if self.unit == SHARE else self.cohort

    @property
    def bounds(self) -> Bounds:
        """What is allowed, in `unit`."""
        return Bounds.of(self.operator, self.value, self.tolerance, self.tolerance_kind)

    @property
    def type(self) -> DivergenceType:
        """The type of its divergence, named or by default."""
        if self.divergence_type is not None:
            return self.divergence_type
        return _TYPES_BY_UNIT.get(self.unit) or default_type(self.metric_name)

    def claim(self, where: str) -> Claim:
        """Return what it claims, for a comparison with others; `where` it stands, in words for a message."""
        return Claim(
            where=where,
            metric_name=self.metric_name,
            cohort=self.cohort,
            feature=self.feature,
            unit=self.unit,
            operator=self.operator,
            value=self.value,
            bounds=self.bounds,
            is_share=self.unit == SHARE,
        )

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
        if metric is not None and unit not in (allowed := _units(metric)):
            raise ValueError(f"{unit!r} is no unit of {metric}: {' or '.join(map(repr, allowed))}")
        return unit

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        problem = _tolerance_problem(self) or _share_problem(self) or _range_problem(self)
        if problem:
            raise ValueError(problem)
        return self


_TYPES_BY_UNIT = {
    ELASTICITY: DivergenceType.PRICING_ELASTICITY_MISS,
    SHARE: DivergenceType.PERSONA_MISMATCH,
}


def _units(metric: Metric) -> list[str]:
    return [UNITS[metric], *((ELASTICITY, SHARE) if metric in _DEMAND else ())]


def _tolerance_problem(item: Assumption) -> str:
    if item.tolerance_kind is ToleranceKind.RELATIVE and item.tolerance > 1:
        return "tolerance: a relative one is a share of the value, 0 to 1 (0.05 = 5 %)"
    if item.tolerance_kind is ToleranceKind.ABSOLUTE and item.value and item.tolerance > abs(item.value):
        return f"tolerance: {item.tolerance:g} is wider than the value {item.value:g} itself"
    if item.operator is Operator.WITHIN and item.bounds.lower == item.bounds.upper:
        return "tolerance: `within` means value +- tolerance and needs one above 0"
    return ""


def _share_problem(item: Assumption) -> str:
    if item.unit == SHARE and not item.cohort:
        return "cohort: a share is that of a cohort; name one"
    return ""


def _range_problem(item: Assumption) -> str:
    if not item.is_daily:
        return ""
    most = 100.0 if item.kind is Kind.RATE else None
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
    faults = [*_repeated(read.assumptions), *contradictions(claims(read))]
    if faults:
        raise ContentError("\n".join(faults))
    return read


def claims(content: ArtifactContent) -> list[Claim]:
    """Return what the content's assumptions claim, each with its JSON path."""
    return [item.claim(f"assumptions[{index}]") for index, item in enumerate(content.assumptions)]


def _repeated(assumptions: Iterable[Assumption]) -> Iterable[str]:
    first: dict[str, int] = {}
    for index, item in enumerate(assumptions):
        if first.setdefault(item.key, index) != index:
            yield f"assumptions[{index}].key: {item.key!r} is that of assumptions[{first[item.key]}] already"


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
