"""What a worker or relay tells of itself at `/metrics`, in Prometheus' words; served where it is asked for.

Labels are topics, partitions and reasons: never a tenant, of whom there are too many.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from settings import Settings, SettingsError

REGISTRY = CollectorRegistry()
DELIVERING = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)
CLOSING = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"augentis_{name}", text, labels, registry=REGISTRY)


MESSAGES = _counter("messages", "messages (batches of samples) counted", "topic")
SAMPLES = _counter("samples", "samples counted", "topic")
IGNORED = _counter("otlp_ignored", "data points that no rule of their project's mapping is about", "topic")
REPEATS = _counter("repeats", "messages dropped since their batch was counted before", "topic")
PARKED = _counter("parked", "messages parked since a key was over its quota", "topic")
REFUSED = _counter("dead_letters", "samples or whole messages refused", "topic", "reason")
TRANSACTIONS = _counter("transactions", "chunks committed", "topic")
RETRIES = _counter("retries", "attempts that failed and were made again", "what")
HOURS = _counter("hours_closed", "hours merged into Telemetry, late corrections too")
RELAYED = _counter("relayed", "letters that Kafka or the webhook has accepted", "destination")
DELIVERIES = _counter("deliveries", "alerts sent to channels, tried again later, given up", "kind", "outcome")
DELIVERY_SECONDS = Histogram(
    "augentis_delivery_seconds",
    "seconds from an alert's writing for a channel to its being taken there",
    buckets=DELIVERING,
    registry=REGISTRY,
)
OPEN_CIRCUITS = Gauge(
    "augentis_delivery_open_circuits",
    "channels left alone since they failed again and again",
    registry=REGISTRY,
)
OLDEST_DELIVERY = Gauge(
    "augentis_delivery_oldest_seconds",
    "for how long the oldest alert waits for its channel",
    registry=REGISTRY,
)
TOLD = _counter("alerts_told", "messages that the notifier made for channels", "kind")
DECIDED = Histogram(
    "augentis_alerts_decided_seconds",
    "seconds from when a subject was due to be looked at to the decision what is told of it",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0),
    registry=REGISTRY,
)
CLOSE_SECONDS = Histogram(
    "augentis_close_seconds",
    "seconds from the look that found an hour closable to its row's commit; looks are 0.5 s apart",
    buckets=CLOSING,
    registry=REGISTRY,
)


class Partition(NamedTuple):
    """A partition that this worker holds: offsets not counted yet (None: unknown), and what it remembers."""

    topic: str
    number: int
    lag: int | None
    windows: int
    bytes: int


class Held(Collector):
    """Gauges of the partitions, read when somebody asks."""

    def __init__(self, look: Callable[[], list[Partition]]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        names = ("topic", "partition")
        lag = GaugeMetricFamily("augentis_lag", "offsets of the log that are not counted yet", labels=names)
        windows = GaugeMetricFamily("augentis_open_windows", "windows held in memory", labels=names)
        used = GaugeMetricFamily("augentis_open_windows_bytes", "about what they take", labels=names)
        for each in self._look():
            labels = (each.topic, str(each.number))
            windows.add_metric(labels, each.windows)
            used.add_metric(labels, each.bytes)
            if each.lag is not None:
                lag.add_metric(labels, each.lag)
        yield from (lag, windows, used)


def serve(settings: Settings, port: int | None, look: Callable[[], list[Partition]] | None = None) -> None:
    """Serve `/metrics` at `port` of `AUGENTIS_METRICS_HOST`; None serves nothing.

    Raises:
        SettingsError: the address is taken, or not of this machine.
    """
    if port is None:
        return
    if look:
        REGISTRY.register(Held(look))
    try:
        start_http_server(port, settings.metrics_host, REGISTRY)
    except OSError as error:
        raise SettingsError(
            f"cannot serve metrics at {settings.metrics_host} port {port}: {error.strerror or error}"
        ) from error
