"""OTLP in JSON: the collector's `otlp_json`, and OTLP/HTTP's `application/json`.

Not protobuf's own JSON: 64-bit numbers come as text or numbers, enumerations as numbers or names, floats
also as "NaN" and "Infinity", ids in hex (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
The structs have the names and the `WhichOneof` of the protobuf messages, so that one reader serves both.
Each data point is decoded on its own: one that cannot be read, None, takes no other with it.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from streams.otlp.requests import MalformedError, Temporality

TEMPORALITIES: dict[object, Temporality] = {
    name: each
    for each in Temporality
    for name in (int(each), str(int(each)), f"AGGREGATION_TEMPORALITY_{each.name}")
}


class _Part(msgspec.Struct, rename="camel", gc=False):
    def WhichOneof(self, group: str) -> str | None:  # noqa: N802  # protobuf's name
        """Return the name of the field of this group that is set."""
        for name in self.groups()[group]:
            if getattr(self, name) is not None:
                return name
        return None

    def HasField(self, name: str) -> bool:  # noqa: N802  # protobuf's name
        """Say whether a field without a default is set."""
        return getattr(self, name) is not None

    @staticmethod
    def groups() -> dict[str, tuple[str, ...]]:
        return {}


class _AnyValue(_Part):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | None = None
    double_value: float | None = None
    array_value: "_Array | None" = None
    kvlist_value: "_KeyValues | None" = None
    base64_value: str | None = msgspec.field(default=None, name="bytesValue")

    @property
    def bytes_value(self) -> bytes | None:
        try:
            return None if self.base64_value is None else base64.b64decode(self.base64_value)
        except (binascii.Error, ValueError):
            return b""

    @staticmethod
    def groups() -> dict[str, tuple[str, ...]]:
        names = ("string", "bool", "int", "double", "array", "kvlist", "bytes")
        return {"value": tuple(f"{name}_value" for name in names)}


class _KeyValue(_Part):
    key: str = ""
    value: _AnyValue = msgspec.field(default_factory=_AnyValue)


class _Array(_Part):
    values: list[_AnyValue] = []


class _KeyValues(_Part):
    values: list[_KeyValue] = []


class _Buckets(_Part):
    offset: int = 0
    bucket_counts: list[int] = []


class _Point(_Part):
    """A data point of any kind; each kind uses its own fields."""

    attributes: list[_KeyValue] = []
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    flags: int = 0
    as_int: int | None = None
    as_double: float | None = None
    count: int = 0
    sum: float | None = None
    bucket_counts: list[int] = []
    explicit_bounds: list[float] = []
    scale: int = 0
    zero_count: int = 0
    zero_threshold: float = 0.0
    positive: _Buckets = msgspec.field(default_factory=_Buckets)
    negative: _Buckets = msgspec.field(default_factory=_Buckets)

    @staticmethod
    def groups() -> dict[str, tuple[str, ...]]:
        return {"value": ("as_int", "as_double")}


_POINT = msgspec.json.Decoder(_Point, strict=False)


class _Data(_Part):
    raw_points: list[msgspec.Raw] = msgspec.field(default_factory=list, name="dataPoints")
    aggregation_temporality: int | str = 0
    is_monotonic: bool = False

    @property
    def data_points(self) -> Sequence[_Point | None]:
        return [_point(raw) for raw in self.raw_points]


class _Metric(_Part):
    name: str = ""
    unit: str = ""
    gauge: _Data | None = None
    sum: _Data | None = None
    histogram: _Data | None = None
    exponential_histogram: _Data | None = None
    summary: _Data | None = None

    @staticmethod
    def groups() -> dict[str, tuple[str, ...]]:
        return {"data": ("gauge", "sum", "histogram", "exponential_histogram", "summary")}


class _Scope(_Part):
    name: str = ""
    version: str = ""


class _ScopeMetrics(_Part):
    scope: _Scope = msgspec.field(default_factory=_Scope)
    metrics: list[_Metric] = []


class _Resource(_Part):
    attributes: list[_KeyValue] = []


class _ResourceMetrics(_Part):
    resource: _Resource = msgspec.field(default_factory=_Resource)
    scope_metrics: list[_ScopeMetrics] = []


class _Request(_Part):
    resource_metrics: list[_ResourceMetrics] = []


_REQUEST = msgspec.json.Decoder(_Request, strict=False)


class NotJsonError(MalformedError):
    """The bytes are not JSON at all."""


def decode(raw: bytes) -> Any:
    """Return the request in `raw`, in the form of the protobuf message.

    Raises:
        NotJsonError: the bytes are not JSON.
        MalformedError: they are JSON, and not a request.
    """
    try:
        return _REQUEST.decode(raw)
    except msgspec.ValidationError as error:
        raise MalformedError(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJsonError(str(error)) from None


def _point(raw: msgspec.Raw) -> _Point | None:
    try:
        return _POINT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
