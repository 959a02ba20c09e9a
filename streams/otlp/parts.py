"""A part of an OTLP request: the request with some of its data points alone, in the encoding it came in."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from streams.otlp import protobuf
from streams.otlp.decoding import decode
from streams.otlp.requests import ORG, PROJECT
from streams.wire import Reason, Refused

_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_KEYS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def claims(raw: bytes, indices: Collection[int]) -> set[tuple[object, object]]:
    """Return the organisations and projects that the resources of these points name (none: of all).

    Raises:
        Refused: nothing of it can be used.
    """
    return {
        (stream.resource.get(ORG), stream.resource.get(PROJECT))
        for stream in decode(raw, len(raw))
        if not indices or any(stream.first <= index < stream.first + len(stream.points) for index in indices)
    }


def reduced(raw: bytes, indices: Collection[int]) -> tuple[bytes, int]:
    """Return the request with the points at `indices` alone (none: all), and how many they are.

    Raises:
        Refused: nothing of it can be used.
    """
    count = _points(raw)
    if not indices:
        return raw, count
    wanted = set(indices)
    reduced = _json(raw, wanted) if _is_json(raw) else _protobuf(raw, wanted)
    if _points(reduced) != len(wanted):
        raise Refused(Reason.BAD_SCHEMA, "its points cannot be taken apart")
    return reduced, len(wanted)


def _points(raw: bytes) -> int:
    return sum(len(stream.points) for stream in decode(raw, len(raw)))


def _is_json(raw: bytes) -> bool:
    try:
        return isinstance(json.loads(raw), dict)
    except (ValueError, RecursionError):
        return False


def _protobuf(raw: bytes, wanted: set[int]) -> bytes:
    request = protobuf.decode(raw)
    index = 0
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                if kind not in _KINDS:
                    continue
                points = getattr(metric, kind).data_points
                kept = [point for number, point in enumerate(points, index) if number in wanted]
                index += len(points)
                del points[:]
                points.extend(kept)
    return bytes(request.SerializeToString())


def _json(raw: bytes, wanted: set[int]) -> bytes:
    request = json.loads(raw)
    index = 0
    for metric in _metrics(request):
        data = next((metric[key] for key in _KEYS if metric.get(key)), None)
        if data is None:
            continue
        points = data.get("dataPoints") or []
        data["dataPoints"] = [point for number, point in enumerate(points, index) if number in wanted]
        index += len(points)
    return json.dumps(request).encode()


def _metrics(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource_metrics in request.get("resourceMetrics") or ():
        for scope_metrics in resource_metrics.get("scopeMetrics") or ():
            yield from scope_metrics.get("metrics") or ()
