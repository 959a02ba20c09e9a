"""The raw message, version 1: decoding, and the reasons for which a message or sample is refused.

A message is decoded in one pass into typed structs. Where that fails, the message is read again without
types, so that one bad sample does not take its neighbours with it.
"""

import json
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

MAX_NAME = 100
MAX_USER_ID = 200


class Reason(StrEnum):
    """Why a message or sample is refused; a closed list (docs/wire-format.md)."""

    NOT_JSON = "not_json"
    BAD_SCHEMA = "bad_schema"
    UNKNOWN_ORG = "unknown_org"
    UNKNOWN_PROJECT = "unknown_project"
    UNKNOWN_METRIC = "unknown_metric"
    BAD_VALUE = "bad_value"
    BAD_UNIT = "bad_unit"
    BAD_TIMESTAMP = "bad_timestamp"
    FUTURE = "future"
    TOO_LATE = "too_late"
    TOO_LARGE = "too_large"
    TOO_MANY_SERIES = "too_many_series"
    TENANT_MISMATCH = "tenant_mismatch"
    BAD_KEY = "bad_key"
    OVER_QUOTA = "over_quota"
    UNMAPPED = "unmapped"


class Refused(Exception):  # noqa: N818  # a verdict on data, not an error of ours
    """A whole message is refused."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


MetricName = Literal["feature_usage", "retention", "crash_rate", "latency_p50", "error_rate", "user_adoption"]
"""metrics.names.Metric, in the form that msgspec decodes without making a string."""


class Sample(msgspec.Struct, gc=False):
    """One sample. Fields that may be absent are None or ''."""

    metric_name: MetricName
    value: float
    timestamp: str | int | float
    cohort: str | None = None
    feature: str | None = None
    user_id: str | None = None
    of: float | None = None
    unit: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    """Both forms at once: with `samples` a batch, without it the flat sample itself."""

    org_id: str
    project_id: str
    batch_id: UUID | None = None
    samples: list[Sample] | None = None
    metric_name: MetricName | None = None
    value: float | None = None
    timestamp: str | int | float | None = None
    cohort: str | None = None
    feature: str | None = None
    user_id: str | None = None
    of: float | None = None
    unit: str | None = None


class Message(msgspec.Struct, gc=False):
    """A message as sent: whose it says it is, and its samples by index.

    `unreadable` holds the indices of samples that have no readable form, by reason.
    """

    org_id: str
    project_id: str
    batch_id: UUID | None
    samples: list[Sample]
    indices: list[int] | None = None
    unreadable: dict[Reason, list[int]] | None = None

    def index(self, position: int) -> int:
        """Return where the sample at `position` of `samples` stood in the message."""
        return self.indices[position] if self.indices is not None else position

    @property
    def sample_count(self) -> int:
        """Return how many samples were sent, readable or not."""
        unreadable = self.unreadable
        return len(self.samples) + (sum(map(len, unreadable.values())) if unreadable else 0)


_DECODE = msgspec.json.Decoder(_Envelope).decode


def decode(raw: bytes, max_samples: int, max_bytes: int) -> Message:
    """Return the message in `raw`.

    Raises:
        Refused: not_json, bad_schema or too_large: nothing of it can be used.
    """
    if len(raw) > max_bytes:
        raise Refused(Reason.TOO_LARGE, f"{len(raw)} bytes are more than {max_bytes}")
    try:
        if not raw.isascii():
            raw.decode()  # msgspec does not look into the texts of fields that it leaves out
        envelope = _DECODE(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Also for what msgspec takes for no JSON: half of a surrogate pair, as of a text cut in the middle
        # of an emoji, is about its sample alone.
        return _counted(_leniently(raw), max_samples)
    samples = envelope.samples
    if samples is None:
        # The flat form has a sample's fields under the same names: checked once, used as it is.
        if envelope.metric_name is None or envelope.value is None or envelope.timestamp is None:
            raise Refused(Reason.BAD_SCHEMA, "neither samples nor metric_name, value and timestamp")
        samples = [envelope]  # type: ignore[list-item]
    message = Message(envelope.org_id, envelope.project_id, envelope.batch_id, samples)
    return message if 0 < len(samples) <= max_samples else _counted(message, max_samples)


def _counted(message: Message, max_samples: int) -> Message:
    count = message.sample_count
    if count > max_samples:
        raise Refused(Reason.TOO_LARGE, f"{count} samples are more than {max_samples}")
    if not count:
        raise Refused(Reason.BAD_SCHEMA, "samples is empty")
    return message


def _leniently(raw: bytes) -> Message:
    try:
        # The standard library takes numbers that no float holds, which are JSON: they become infinite, and
        # are refused with their samples alone.
        body = json.loads(raw.decode(), parse_int=float, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(Reason.NOT_JSON, str(error)) from None
    head = _head(body)
    flat = "samples" not in body or body["samples"] is None
    items = [body] if flat else body["samples"]
    if not isinstance(items, list):
        raise Refused(Reason.BAD_SCHEMA, "samples is not a list")
    message = Message(head.org_id, head.project_id, head.batch_id, [], [], {})
    for index, item in enumerate(items):
        _add(message, index, item)
    return message


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


class _Head(msgspec.Struct):
    org_id: str
    project_id: str
    batch_id: UUID | None = None


def _head(body: Any) -> _Head:
    try:
        return msgspec.convert(body, _Head)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise Refused(Reason.BAD_SCHEMA, str(error)) from None


def _add(message: Message, index: int, item: Any) -> None:
    assert message.indices is not None  # noqa: S101  # both are set by the one caller
    assert message.unreadable is not None  # noqa: S101
    try:
        message.samples.append(msgspec.convert(item, Sample))
        message.indices.append(index)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        # Half of a surrogate pair, where msgspec looks into a text: as metric, number or time.
        message.unreadable.setdefault(_reason(str(error)), []).append(index)


def _reason(error: str) -> Reason:
    """Return the reason behind msgspec's message, which ends in the path: `- at `$.value``."""
    path = error.rpartition("$.")[2].rstrip("`")
    return {
        "metric_name": Reason.UNKNOWN_METRIC,
        "value": Reason.BAD_VALUE,
        "of": Reason.BAD_VALUE,
        "timestamp": Reason.BAD_TIMESTAMP,
        "unit": Reason.BAD_UNIT,
    }.get(path, Reason.BAD_SCHEMA)
