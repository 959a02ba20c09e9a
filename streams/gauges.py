"""How the system stands, at `/metrics`: measured now and then by each worker, shown whenever it is asked for.

No label names a tenant, of whom there are too many.
"""

from collections.abc import Iterator
from datetime import datetime

import asyncpg
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from routing.matchers import NoticeKind
from settings import Settings
from storage import measuring
from storage.measuring import Measured
from streams.app import GROUP
from streams.figures import REGISTRY


class Gauges(Collector):
    """Shows what was measured last, and when; nothing before the first time."""

    def __init__(self) -> None:
        self._last: Measured | None = None

    async def measure(self, pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
        """Measure how the system stands."""
        del settings
        async with pool.acquire() as connection:
            self.shown(await measuring.measured(connection, GROUP, now))

    def shown(self, last: Measured) -> None:
        """Show this from now on."""
        self._last = last

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        last = self._last
        if last is None:
            return
        for name, text, value in (
            ("measured_timestamp_seconds", "when a worker looked how the system stands", last.at.timestamp()),
            (
                "silence_seconds",
                "how long ago the project that is silent for longest was heard",
                last.silence,
            ),
            ("unread_seconds", "how long a partition was not read to its end", last.unread),
            ("detection_lag_seconds", "for how long a closed day waits to be judged", last.detection_lag),
            ("notifier_lag_seconds", "for how long an alert waits to be decided on", last.notifier_lag),
            ("deliveries_waiting", "alerts that wait for their channels", last.deliveries_waiting),
            ("deliveries_dead", "alerts that were given up", last.deliveries_dead),
        ):
            yield GaugeMetricFamily(f"augentis_{name}", text, value)
        notices = GaugeMetricFamily("augentis_notices", "notices that are open", labels=("kind",))
        for kind in NoticeKind:
            notices.add_metric((kind,), last.notices.get(kind, 0))
        letters = GaugeMetricFamily("augentis_outbox_letters", "letters that wait", labels=("destination",))
        oldest = GaugeMetricFamily(
            "augentis_outbox_oldest_seconds", "for how long the oldest letter waits", labels=("destination",)
        )
        for destination, outbox in last.outbox.items():
            letters.add_metric((destination,), outbox.letters)
            oldest.add_metric((destination,), outbox.oldest)
        yield from (notices, letters, oldest)


GAUGES = Gauges()
REGISTRY.register(GAUGES)
