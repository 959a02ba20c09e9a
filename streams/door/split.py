"""An export that is larger than a message may be, in as few halves of halves as will do."""

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


class TooLargeError(Exception):
    """One data point alone is larger than a message."""


def split(request: ExportMetricsServiceRequest, limit: int) -> list[bytes]:
    """Return `request` as messages of at most `limit` bytes: by resource, scope, metric, points.

    Every point is in one of them, with its metric, scope and resource.

    Raises:
        TooLargeError: a point cannot be within the limit.
    """
    if request.ByteSize() <= limit:
        return [request.SerializeToString()]
    count = len(_divisible(request))
    if count < 2:  # noqa: PLR2004  # nothing to halve
        raise TooLargeError
    halves = []
    for kept_out in (slice(count // 2, None), slice(None, count // 2)):
        half = ExportMetricsServiceRequest()
        half.CopyFrom(request)
        del _divisible(half)[kept_out]
        halves += split(half, limit)
    return halves


def _divisible(request: ExportMetricsServiceRequest) -> Any:
    """Return the first list on the way down that holds several."""
    found: Any = request.resource_metrics
    for below in ("scope_metrics", "metrics"):
        if len(found) != 1:
            return found
        found = getattr(found[0], below)
    if len(found) != 1:
        return found
    kind = found[0].WhichOneof("data")
    return getattr(found[0], kind).data_points if kind else ()
