"""From an OTLP data point's name, unit, kind and attributes to what it is for us: pure, compiled once."""

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from metrics.names import Metric
from metrics.otlp_rules import As, Condition, PointKind, Rule, Rules, as_text
from streams.samples import series_fault
from streams.wire import Reason

Attributes = MappingOf[str, object]
MILLISECONDS = {"s": 1000.0, "ms": 1.0, "us": 1e-3, "ns": 1e-6, "min": 60_000.0, "h": 3_600_000.0}
"""UCUM's times, in milliseconds: the unit of latency_p50."""
_CACHED_NAMES = 10_000


class Take(StrEnum):
    """What of a point counts."""

    INCREASE = "increase"
    """What a sum grew by: a delta as it is, a cumulative one differenced. Of an up-down counter it may be
    negative."""
    COUNT = "count"
    """The number of recordings of a histogram or summary, differenced where cumulative."""
    TOTAL = "total"
    """The sum of what was recorded, differenced where cumulative."""
    BUCKETS = "buckets"
    """A histogram's buckets, differenced where cumulative."""
    READING = "reading"
    """A gauge's value, each time it is reported."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a point goes. `scale` turns its values (and bucket bounds) into the metric's unit.

    The amount is a sum's value, or a rate's numerator and/or denominator; a median takes neither.
    `fault` says why points of this route are refused, None if they count.
    """

    metric: Metric
    cohort: str
    feature: str
    take: Take
    scale: float = 1.0
    numerator: bool = False
    denominator: bool = False
    fault: Reason | None = None


class Mapping:
    """A project's rules, ready to be asked."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = tuple(_Compiled(rule) for rule in rules)
        self._by_name: dict[str, tuple[_Compiled, ...]] = {}

    def knows(self, name: str) -> bool:
        """Say whether any rule is about points of this name."""
        return bool(self._about(name))

    def route(
        self, name: str, unit: str, kind: PointKind, attributes: Attributes, resource_attributes: Attributes
    ) -> tuple[Route, ...]:
        """Return where such a point goes: one route for each of our metrics that it feeds.

        A point's attributes stand before those of its resource. Depends on the arguments alone.
        """
        routes: dict[Metric, Route] = {}
        settled: set[Metric] = set()
        for rule in self._about(name):
            if len(settled) == len(Metric):
                break
            metrics = rule.metrics - settled
            if not metrics or not rule.applies(kind, attributes, resource_attributes):
                continue
            settled |= metrics
            for metric in metrics if rule.rule.as_ is not As.IGNORE else ():
                routes[metric] = rule.route(metric, unit, kind, attributes, resource_attributes)
        return tuple(routes.values())

    def _about(self, name: str) -> tuple["_Compiled", ...]:
        found = self._by_name.get(name)
        if found is None:
            if len(self._by_name) >= _CACHED_NAMES:
                self._by_name.clear()  # names come off the wire
            found = self._by_name[name] = tuple(rule for rule in self._rules if rule.is_about(name))
        return found


def compile(rules: Rules) -> Mapping:  # noqa: A001  # re.compile's sense of the word
    """Return `rules`, and the defaults unless they are off, ready to be asked."""
    return Mapping(rules.in_force)


class _Compiled:
    """One rule, with what does not depend on the point worked out."""

    __slots__ = ("_conditions", "_is_glob", "_kinds", "_name", "metrics", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.metrics = frozenset(Metric) if rule.metric_name is None else frozenset({rule.metric_name})
        self._name, self._kinds = rule.match.name, rule.kinds
        self._is_glob = any(sign in rule.match.name for sign in "*?[")
        self._conditions = tuple(rule.match.attributes.items())

    def is_about(self, name: str) -> bool:
        return fnmatchcase(name, self._name) if self._is_glob else name == self._name

    def applies(self, kind: PointKind, own: Attributes, resource: Attributes) -> bool:
        return kind in self._kinds and _all_hold(self._conditions, own, resource)

    def route(
        self, metric: Metric, unit: str, kind: PointKind, own: Attributes, resource: Attributes
    ) -> Route:
        rule = self.rule
        cohort = _named(rule.cohort_from, rule.cohort, own, resource)
        feature = _named(rule.feature_from, rule.feature, own, resource)
        scale = rule.unit_scale or (MILLISECONDS.get(unit, 0.0) if rule.as_ is As.MEDIAN else 1.0)
        fault = series_fault(metric, cohort, feature) or (None if scale else Reason.BAD_UNIT)
        in_part = any(_all_hold(entry.items(), own, resource) for entry in rule.numerator_if)
        return Route(
            metric,
            cohort,
            feature,
            _take(rule.as_, kind),
            scale,
            numerator=in_part or rule.as_ is As.NUMERATOR,
            denominator=rule.as_ in {As.RATIO, As.DENOMINATOR},
            fault=fault,
        )


def _all_hold(conditions: Iterable[tuple[str, Condition]], own: Attributes, resource: Attributes) -> bool:
    return all(condition.holds(own.get(key, resource.get(key))) for key, condition in conditions)


def _named(key: str | None, otherwise: str, own: Attributes, resource: Attributes) -> str:
    value = own.get(key, resource.get(key)) if key else None
    return otherwise if value is None else as_text(value)


def _take(use: As, kind: PointKind) -> Take:
    if use is As.MEDIAN:
        return Take.READING if kind is PointKind.GAUGE else Take.BUCKETS
    if use is As.TOTAL:
        return Take.TOTAL
    return {
        PointKind.COUNTER: Take.INCREASE,
        PointKind.UP_DOWN_COUNTER: Take.INCREASE,
        PointKind.GAUGE: Take.READING,
    }.get(kind, Take.COUNT)
