from collections.abc import Iterator
from datetime import datetime
from typing import cast

from client.records import AlertDelivery, ToldChannel
from client.requests import Id, Requests


class Deliveries(Requests):
    """What is sent to channels, and what became of it."""

    def alert_deliveries(
        self,
        *,
        status: str | None = None,
        channel_id: Id | None = None,
        report_id: Id | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[AlertDelivery]:
        """The organisation's deliveries, newest first; `since` is about `created_at`."""
        rows = self._list(
            "/alert-deliveries",
            status=status,
            channel_id=channel_id,
            report_id=report_id,
            since=since,
            sort=sort,
        )
        return cast("Iterator[AlertDelivery]", rows)

    def report_deliveries(self, report_id: Id) -> Iterator[AlertDelivery]:
        """The messages about a report, oldest first: not the storm or the digest that it was told in."""
        return cast("Iterator[AlertDelivery]", self._list(f"/divergence-reports/{report_id}/deliveries"))

    def report_told(self, report_id: Id) -> Iterator[ToldChannel]:
        """The channels that know of a report, however they were told; who was told first is first."""
        return cast("Iterator[ToldChannel]", self._list(f"/divergence-reports/{report_id}/told"))

    def alert_delivery(self, delivery_id: Id) -> AlertDelivery:
        """One delivery, as it stands."""
        return cast("AlertDelivery", self._get(f"/alert-deliveries/{delivery_id}"))

    def replay_alert_delivery(self, delivery_id: Id) -> AlertDelivery:
        """Send one again that was given up."""
        return cast("AlertDelivery", self._ask("POST", f"/alert-deliveries/{delivery_id}/replay"))

    def test_alert_channel(self, channel_id: Id) -> AlertDelivery:
        """Send a test to a channel; read the delivery to see what became of it."""
        return cast("AlertDelivery", self._ask("POST", f"/alert-channels/{channel_id}/test"))
