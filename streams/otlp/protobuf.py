"""OTLP in protobuf: the collector's `otlp_proto`, and OTLP/HTTP's `application/x-protobuf`."""

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from streams.otlp.requests import MalformedError, Temporality

TEMPORALITIES: dict[object, Temporality] = {int(each): each for each in Temporality}


def decode(raw: bytes) -> ExportMetricsServiceRequest:
    """Return the request in `raw`.

    Raises:
        MalformedError: the bytes are not one.
    """
    try:
        return ExportMetricsServiceRequest.FromString(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(str(error)) from None
