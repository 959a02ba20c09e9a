"""An OTLP export at the door: read, judged, split where it is too large, and answered."""

from collections import Counter
from http import HTTPStatus

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from streams.door.refusals import Form, Refusal
from streams.door.split import TooLargeError, split
from streams.otlp import json_form, protobuf
from streams.otlp.requests import MalformedError, Stream, streams
from streams.wire import Reason


def read(body: bytes, form: Form) -> list[Stream]:
    """Return the streams of an export.

    Raises:
        Refusal: 400, it is no export in this form.
    """
    try:
        if form is Form.JSON:
            return list(streams(json_form.decode(body), json_form.TEMPORALITIES))
        return list(streams(protobuf.decode(body), protobuf.TEMPORALITIES))
    except (MalformedError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"this is no ExportMetricsServiceRequest: {error}") from None


def messages(body: bytes, form: Form, limit: int) -> list[bytes]:
    """Return the records of an export, of at most `limit` bytes each: its own bytes, if they fit.

    Raises:
        Refusal: 413, a point of it is larger than a message; 400, JSON that cannot be split.
    """
    if len(body) <= limit:
        return [body]
    try:
        return split(_parsed(body, form), limit)
    except TooLargeError:
        raise Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"one data point is larger than {limit} bytes"
        ) from None
    except json_format.ParseError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"this is no ExportMetricsServiceRequest: {error}") from None


def answer(refused: Counter[Reason], form: Form) -> bytes:
    """Return the ExportMetricsServiceResponse: which points will be refused, and for which reasons."""
    response = ExportMetricsServiceResponse()
    if refused:
        response.partial_success.rejected_data_points = refused.total()
        response.partial_success.error_message = told(refused)
    if form is Form.JSON:
        return json_format.MessageToJson(response, indent=None).encode()
    return response.SerializeToString()


def told(refused: Counter[Reason]) -> str:
    """Return the reasons in words, the most frequent first."""
    return ", ".join(f"{reason}: {count}" for reason, count in refused.most_common())


def _parsed(body: bytes, form: Form) -> ExportMetricsServiceRequest:
    if form is Form.JSON:
        return json_format.Parse(body, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
    return ExportMetricsServiceRequest.FromString(body)
