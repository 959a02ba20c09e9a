"""An app with OpenTelemetry's own SDK, which counts beside it what it has told; its clock is the test's."""

import base64
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Counter as CounterInstrument
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics._internal import (
    _view_instrument_match,
    instrument,
    measurement_consumer,
    metric_reader_storage,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from metrics import otlp_rules
from streams.otlp.mapping import Mapping, compile  # noqa: A004  # re.compile's sense of the word

HOUR = 3600
DELTA: dict[type, AggregationTemporality] = {
    CounterInstrument: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
}
"""What the SDK makes of the preference for delta: up-down counters stay cumulative."""
RULES: dict[str, Any] = {
    "rules": [
        {
            "match": {"name": name},
            "as": "count",
            "metric_name": "feature_usage",
            "feature": feature,
        }
        for name, feature in (("shop.checkouts", "checkout"), ("shop.cart", "cart"))
    ]
}


def mapping() -> Mapping:
    """The rules of the app's project: its own, and the defaults."""
    return compile(otlp_rules.read(RULES))


@dataclass
class Clock:
    """Seconds; the SDK reads it in nanoseconds."""

    now: float

    def time_ns(self) -> int:
        return int(self.now * 1_000_000_000)

    def rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the SDK read this clock."""
        for module in (_view_instrument_match, instrument, measurement_consumer, metric_reader_storage):
            monkeypatch.setattr(module, "time_ns", self.time_ns)


@dataclass
class Told:
    """What an app has counted, by the hour of the export that told it."""

    checkouts: Counter[int] = field(default_factory=Counter)
    cart: Counter[int] = field(default_factory=Counter)
    requests: Counter[int] = field(default_factory=Counter)
    failures: Counter[int] = field(default_factory=Counter)
    durations: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))


class App:
    """One process of a service: it ends with `export`, and a new one starts counting from zero."""

    def __init__(
        self, clock: Clock, told: Told, instance: str, *, delta: bool = False, exponential: bool = False
    ) -> None:
        self._clock, self._told = clock, told
        self._reader = InMemoryMetricReader(preferred_temporality=DELTA if delta else None)
        views = [View(instrument_name="http.*", aggregation=ExponentialBucketHistogramAggregation())]
        provider = MeterProvider(
            [self._reader],
            Resource({"service.name": "shop", "service.instance.id": instance}),
            views=views if exponential else (),
        )
        meter = provider.get_meter("tests")
        self._checkouts = meter.create_counter("shop.checkouts")
        self._cart = meter.create_up_down_counter("shop.cart")
        self._ignored = meter.create_counter("shop.internal")
        self._duration = meter.create_histogram("http.server.duration", unit="ms")
        self._since: list[tuple[str, float]] = []

    def checkout(self, count: int) -> None:
        self._checkouts.add(count, {"plan": "pro" if count % 2 else "free"})
        self._ignored.add(1)
        self._since.append(("checkout", count))

    def cart(self, change: int) -> None:
        self._cart.add(change)
        self._since.append(("cart", change))

    def request(self, milliseconds: float, status: int) -> None:
        self._duration.record(milliseconds, {"http.status_code": status, "http.route": "/buy"})
        self._since.append(("failure" if status >= 500 else "request", milliseconds))

    def export(self) -> bytes:
        """Tell everything up to now, in protobuf."""
        found = self._reader.get_metrics_data()
        assert found is not None
        hour = int(self._clock.now // HOUR * HOUR)
        for what, value in self._since:
            self._note(hour, what, value)
        self._since.clear()
        return encode_metrics(found).SerializeToString()

    def _note(self, hour: int, what: str, value: float) -> None:
        if what == "checkout":
            self._told.checkouts[hour] += int(value)
        elif what == "cart":
            self._told.cart[hour] += int(value)
        else:
            self._told.requests[hour] += 1
            self._told.failures[hour] += what == "failure"
            self._told.durations[hour].append(value)


RECORDED = Path(__file__).parent / "recorded"


def recorded() -> tuple[list[bytes], list[bytes], Told]:
    """Return exports as the collector writes them, in protobuf and in JSON, and what was counted."""
    protobuf = [base64.b64decode(line) for line in (RECORDED / "collector_proto.txt").read_text().split()]
    in_json = (RECORDED / "collector_json.txt").read_bytes().splitlines()
    told = Told()
    for name, hours in json.loads((RECORDED / "counted.json").read_text()).items():
        getattr(told, name).update({int(hour): counted for hour, counted in hours.items()})
    return protobuf, in_json, told


def as_json(request: bytes) -> bytes:
    """Return a protobuf request as the collector's `otlp_json` has it."""
    message = ExportMetricsServiceRequest.FromString(request)
    return json.dumps(json_format.MessageToDict(message, use_integers_for_enums=True)).encode()
