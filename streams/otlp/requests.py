"""An ExportMetricsServiceRequest as we look at it: streams of data points, whatever they were encoded in.

Data points keep the names that they have in OTLP's protobuf (opentelemetry/proto/metrics/v1), in either
encoding, so that the rest of this package knows one form.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

from metrics.otlp_rules import PointKind

Attributes = Mapping[str, object]
ORG, PROJECT = "augentis.org_id", "augentis.project_id"
"""Attributes of a resource that say whose its points are."""
NO_RECORDED_VALUE = 1
"""The flag of a point that says only that its series has ended."""


class Temporality(IntEnum):
    """OTLP's AggregationTemporality, and what has none."""

    UNSPECIFIED = 0
    DELTA = 1
    CUMULATIVE = 2


@dataclass(frozen=True, slots=True)
class Stream:
    """The points of one metric of one resource and scope; `first` is the index of the first in the request.

    `temporality` is None where the kind has none (gauges).
    """

    resource: Attributes
    scope: tuple[str, str]
    name: str
    unit: str
    kind: PointKind
    temporality: Temporality | None
    points: Sequence[Any]
    first: int


@dataclass(frozen=True, slots=True)
class Export:
    """A tenant's streams in one request; `indices` are those of all its points, () if no others are in it."""

    streams: Sequence[Stream]
    batch_id: UUID | None = None
    indices: tuple[int, ...] = ()

    @property
    def sample_count(self) -> int:
        """Return how many points there are."""
        return sum(len(stream.points) for stream in self.streams)


class MalformedError(Exception):
    """The bytes are no request."""


def streams(request: Any, temporalities: Mapping[object, Temporality]) -> Iterator[Stream]:
    """Yield the streams of a decoded request, in its order; metrics of kinds not known here are left out.

    Args:
        request: protobuf's ExportMetricsServiceRequest, or what has its fields.
        temporalities: what the encoding calls them.
    """
    index = 0
    for resource_metrics in request.resource_metrics:
        resource = attributes(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            scope = (scope_metrics.scope.name, scope_metrics.scope.version)
            for metric in scope_metrics.metrics:
                kind, data = _data(metric)
                if kind is None:
                    continue
                temporality = _temporality(kind, data, temporalities)
                points = data.data_points
                yield Stream(resource, scope, metric.name, metric.unit, kind, temporality, points, index)
                index += len(points)


_KINDS = {
    "gauge": PointKind.GAUGE,
    "histogram": PointKind.HISTOGRAM,
    "exponential_histogram": PointKind.EXPONENTIAL_HISTOGRAM,
    "summary": PointKind.SUMMARY,
}


def _data(metric: Any) -> tuple[PointKind | None, Any]:
    name = metric.WhichOneof("data")
    if name is None:
        return None, None
    data = getattr(metric, name)
    if name == "sum":
        return (PointKind.COUNTER if data.is_monotonic else PointKind.UP_DOWN_COUNTER), data
    return _KINDS[name], data


def _temporality(
    kind: PointKind, data: Any, temporalities: Mapping[object, Temporality]
) -> Temporality | None:
    if kind is PointKind.GAUGE:
        return None
    if kind is PointKind.SUMMARY:
        return Temporality.CUMULATIVE  # OTLP gives it no other
    return temporalities.get(data.aggregation_temporality, Temporality.UNSPECIFIED)


def attributes(pairs: Sequence[Any]) -> dict[str, object]:
    """Return attributes by key, their values plain: str, bool, int, float, bytes, or tuples of these."""
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: Any) -> object:
    name = value.WhichOneof("value")
    if name is None:
        return None
    found: object = getattr(value, name)
    if name == "array_value":
        return tuple(_plain(each) for each in value.array_value.values)
    if name == "kvlist_value":
        return tuple(sorted(attributes(value.kvlist_value.values).items(), key=_key))
    return found


def _key(item: tuple[str, object]) -> str:
    return item[0]
