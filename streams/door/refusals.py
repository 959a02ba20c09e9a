"""What the door answers: in protobuf or JSON to OpenTelemetry, as problem+json to those who send samples.

Collectors send again after 429, 502, 503, 504 and nothing else: 500 and 408 lose the batch, so neither is
ever answered. Exporters show an error only from the protobuf `Status` in its body.
"""

import json
import math
from enum import StrEnum
from http import HTTPStatus

from starlette.responses import Response

PROTOBUF, JSON, PROBLEM = "application/x-protobuf", "application/json", "application/problem+json"
AGAIN_SECONDS = 5.0
_OK, _UNKNOWN = 200, 2
_GRPC = {400: 3, 401: 16, 403: 7, 413: 3, 415: 3, 429: 8, 503: 14}
"""google.rpc.Code of each status."""


class Form(StrEnum):
    """How a request's answers are written."""

    PROTOBUF = PROTOBUF
    JSON = JSON
    PROBLEM = PROBLEM


class Refusal(Exception):  # noqa: N818  # a verdict on a request
    """A request is not done. `again` is the seconds after which it may be sent again, None: never."""

    def __init__(self, status: HTTPStatus, message: str, again: float | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.again = status, message, again

    @classmethod
    def away(cls, message: str) -> "Refusal":
        """Return the refusal of what may succeed a little later."""
        return cls(HTTPStatus.SERVICE_UNAVAILABLE, message, AGAIN_SECONDS)

    def response(self, form: Form) -> Response:
        """Return the answer."""
        headers = {"Cache-Control": "no-store"}
        if self.again is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.again)))
        if self.status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="augentis"'
        return Response(self._body(form), self.status, headers, media_type=form.value)

    def _body(self, form: Form) -> bytes:
        code = _GRPC.get(self.status, _UNKNOWN)
        if form is Form.PROTOBUF:
            return _status(code, self.message)
        if form is Form.JSON:
            return json.dumps({"code": code, "message": self.message}).encode()
        slug = self.status.phrase.lower().replace(" ", "-")
        problem = {
            "type": f"urn:augentis:problem:{slug}",
            "title": self.status.phrase,
            "detail": self.message,
        }
        return json.dumps({**problem, "status": self.status}).encode()


def _status(code: int, message: str) -> bytes:
    """Return a google.rpc.Status: field 1 the code, field 2 the message; no package is worth two fields."""
    text = message.encode("utf-8", "replace")
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:  # noqa: PLR2004  # seven bits a byte
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
