"""Which OTLP metrics are which of ours: a project's rules, as data, and those that hold without any.

A data point is judged by the rules in their order, a project's own before the defaults, and feeds each of
our metrics by the first rule for it that matches. A rule without `metric_name` speaks for all six.
"""

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.config import JsonDict

from metrics.names import KINDS, Kind, Metric

COHORT, FEATURE = "augentis.cohort", "augentis.feature"
"""The attributes, of a point or of its resource, that name cohort and feature where a rule names no other."""
MAX_RULES = 200
MAX_CONDITIONS = 20


class PointKind(StrEnum):
    """What a data point is, after OTLP's own kinds; sums apart by whether they can fall."""

    COUNTER = "counter"
    UP_DOWN_COUNTER = "up_down_counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    EXPONENTIAL_HISTOGRAM = "exponential_histogram"
    SUMMARY = "summary"


class As(StrEnum):
    """What a point is for its metric."""

    COUNT = "count"
    """How often: a counter's increase, a histogram's number of recordings."""
    TOTAL = "total"
    """How much: the sum of what a histogram recorded."""
    RATIO = "ratio"
    """The denominator, and the numerator too where `numerator_if` holds."""
    NUMERATOR = "numerator"
    DENOMINATOR = "denominator"
    MEDIAN = "median"
    """A histogram's buckets, or a gauge's readings."""
    IGNORE = "ignore"
    """Nothing: no later rule is asked."""


_HISTOGRAMS = frozenset({PointKind.HISTOGRAM, PointKind.EXPONENTIAL_HISTOGRAM})
_COUNTED = _HISTOGRAMS | {PointKind.COUNTER, PointKind.SUMMARY}
_SHARE = _COUNTED | {PointKind.GAUGE}
FITS: dict[As, frozenset[PointKind]] = {
    As.COUNT: _COUNTED | {PointKind.UP_DOWN_COUNTER},
    As.TOTAL: _HISTOGRAMS | {PointKind.SUMMARY},
    As.RATIO: _SHARE,
    As.NUMERATOR: _SHARE,
    As.DENOMINATOR: _SHARE,
    As.MEDIAN: _HISTOGRAMS | {PointKind.GAUGE},
    As.IGNORE: frozenset(PointKind),
}
"""The kinds of points that can be used so; a rule matches no others."""
_MAKES: dict[As, Kind] = {
    As.COUNT: Kind.SUM,
    As.TOTAL: Kind.SUM,
    As.RATIO: Kind.RATE,
    As.NUMERATOR: Kind.RATE,
    As.DENOMINATOR: Kind.RATE,
    As.MEDIAN: Kind.MEDIAN,
}

Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Name = Annotated[str, StringConstraints(max_length=100)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Scalar = (
    Annotated[str, StringConstraints(max_length=255)]
    | StrictBool
    | Annotated[int, Field(strict=True)]
    | Number
)


class RulesError(ValueError):
    """A mapping cannot be used; the message names the JSON path and what is wrong, a line for each fault."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Part):
    """What an attribute must be; all that is given must hold, and nothing given means that it is there."""

    any_of: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=100)] | None = None
    glob: Text | None = None
    at_least: Number | None = None
    below: Number | None = None
    present: StrictBool = True

    def holds(self, value: object) -> bool:
        """Say whether an attribute's value, None if there is none, fulfils the condition."""
        if value is None or not self.present:
            return value is None and not self.present
        text = as_text(value)
        return (
            (self.any_of is None or text in {as_text(each) for each in self.any_of})
            and (self.glob is None or fnmatchcase(text, self.glob))
            and self._in_range(text)
        )

    def _in_range(self, text: str) -> bool:
        if self.at_least is None and self.below is None:
            return True
        try:
            number = float(text)
        except ValueError:
            return False
        return (self.at_least is None or number >= self.at_least) and (
            self.below is None or number < self.below
        )


Conditions = Annotated[dict[Text, Condition], Field(max_length=MAX_CONDITIONS)]


class Match(_Part):
    """Which points a rule is about: `name` may hold * and ?; `attributes`: the point's or its resource's."""

    name: Text
    kind: Annotated[tuple[PointKind, ...], Field(min_length=1, max_length=len(PointKind))] | None = None
    attributes: Conditions = Field(default_factory=dict)


class Rule(_Part):
    """One rule. `numerator_if` holds where any of its entries does, and an entry where all of it does.

    `unit_scale` turns the point's values into the unit of the metric; a median needs none where the point's
    unit is a time. `cohort` and `feature` stand where the attribute that `cohort_from` names is absent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    match: Match
    as_: As = Field(alias="as")
    metric_name: Metric | None = None
    numerator_if: Annotated[tuple[Conditions, ...], Field(max_length=MAX_CONDITIONS)] = ()
    unit_scale: Annotated[Number, Field(gt=0)] | None = None
    cohort: Name = ""
    cohort_from: Text | None = COHORT
    feature: Name = ""
    feature_from: Text | None = FEATURE

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problem = self._metric_problem() or self._kind_problem()
        if not problem and (self.as_ is As.RATIO) != bool(self.numerator_if):
            problem = "numerator_if: goes with `ratio`, and `ratio` needs it"
        if problem:
            raise ValueError(problem)
        return self

    @property
    def kinds(self) -> frozenset[PointKind]:
        """The kinds of points it is about."""
        return FITS[self.as_] if self.match.kind is None else frozenset(self.match.kind)

    def _metric_problem(self) -> str:
        if self.as_ is As.IGNORE:
            return ""
        if self.metric_name is None:
            return f"metric_name: `{self.as_}` needs one"
        if KINDS[self.metric_name] is not _MAKES[self.as_]:
            fitting = ", ".join(each for each, kind in _MAKES.items() if kind is KINDS[self.metric_name])
            return f"as: {self.metric_name} is made of {fitting}, not of {self.as_}"
        return ""

    def _kind_problem(self) -> str:
        unfit = sorted(set(self.match.kind or ()) - FITS[self.as_])
        return f"match.kind: {', '.join(unfit)} cannot be used as {self.as_}" if unfit else ""


_EXAMPLE: JsonDict = {
    "rules": [
        {"match": {"name": "http.server.*", "attributes": {"http.route": {"glob": "/*z"}}}, "as": "ignore"},
        {
            "match": {"name": "checkout.completed"},
            "as": "count",
            "metric_name": "feature_usage",
            "feature": "F12",
        },
        {
            "match": {"name": "app.users", "kind": ["gauge"]},
            "as": "ratio",
            "metric_name": "user_adoption",
            "numerator_if": [{"adopted": {"any_of": [True]}}],
            "cohort_from": "plan",
        },
    ]
}


class Rules(_Part):
    """A project's mapping: its rules in order, and whether the defaults follow them."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [_EXAMPLE]})

    defaults: StrictBool = True
    rules: Annotated[tuple[Rule, ...], Field(max_length=MAX_RULES)] = ()

    @property
    def in_force(self) -> tuple[Rule, ...]:
        """All rules in the order in which they are asked."""
        return self.rules + (DEFAULTS if self.defaults else ())


def as_text(value: object) -> str:
    """Return an attribute's value as text: 500, 500.0 and "500" are one, and so are true and "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def read(document: object) -> Rules:
    """Return the rules in a JSON document.

    Raises:
        RulesError: what is wrong, by JSON path.
    """
    try:
        return Rules.model_validate(document)
    except ValidationError as error:
        raise RulesError("\n".join(_readable(item) for item in error.errors())) from None


def _readable(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"]) or "the mapping"
    return f"{path}: {item['msg'].removeprefix('Value error, ')}"


def _stock_http(name: str, status: str) -> tuple[Rule, Rule]:
    failed = [{status: {"at_least": 500}}, {"error.type": {"present": True}}]
    histogram = {"name": name, "kind": sorted(_HISTOGRAMS)}
    return (
        Rule.model_validate(
            {"match": histogram, "as": "ratio", "metric_name": "error_rate", "numerator_if": failed}
        ),
        Rule.model_validate({"match": histogram, "as": "median", "metric_name": "latency_p50"}),
    )


DEFAULTS = (
    *_stock_http("http.server.request.duration", "http.response.status_code"),
    *_stock_http("http.server.duration", "http.status_code"),
)
"""OpenTelemetry's stock HTTP server metrics, of the stable convention (s) and of the one before (ms)."""
