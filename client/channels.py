from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from client.records import AlertChannel, MadeAlertChannel
from client.requests import Id, Requests


class Channels(Requests):
    """Where alerts go."""

    def alert_channels(
        self, *, kind: str | None = None, since: datetime | None = None, sort: str | None = None
    ) -> Iterator[AlertChannel]:
        """The organisation's channels without their secrets, newest first."""
        rows = self._list("/alert-channels", kind=kind, since=since, sort=sort)
        return cast("Iterator[AlertChannel]", rows)

    def alert_channel(self, channel_id: Id) -> AlertChannel:
        """One channel, without its secrets."""
        return cast("AlertChannel", self._get(f"/alert-channels/{channel_id}"))

    def create_alert_channel(
        self,
        kind: str,
        name: str,
        settings: Mapping[str, Any] | None = None,
        secrets: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> MadeAlertChannel:
        """Make a channel; `secret`, of a webhook that sent none, is shown this once.

        `more` are `rate_per_minute` and `heartbeat_every` (as in "4h").
        """
        body = {
            "kind": kind,
            "name": name,
            "settings": dict(settings or {}),
            "secrets": dict(secrets or {}),
            **more,
        }
        return cast("MadeAlertChannel", self._post("/alert-channels", body, idempotency_key))

    def change_alert_channel(self, channel: AlertChannel, **changes: Any) -> AlertChannel:
        """Change a channel; `settings` and `secrets` are each replaced whole."""
        path = f"/alert-channels/{channel['id']}"
        return cast("AlertChannel", self._patch(path, channel["version"], changes))

    def remove_alert_channel(self, channel: AlertChannel) -> None:
        """Remove a channel, with its secrets."""
        self._delete(f"/alert-channels/{channel['id']}", channel["version"])

    def rotate_channel_secret(
        self, channel_id: Id, *, idempotency_key: str | None = None
    ) -> MadeAlertChannel:
        """Make a webhook another `secret`; the one before is live beside it until it is retired."""
        path = f"/alert-channels/{channel_id}/rotate-secret"
        return cast("MadeAlertChannel", self._post(path, {}, idempotency_key))

    def retire_channel_secret(self, channel_id: Id) -> AlertChannel:
        """End the older of a webhook's two secrets."""
        return cast("AlertChannel", self._post(f"/alert-channels/{channel_id}/retire-secret", {}, None))

    def enable_alert_channel(self, channel_id: Id) -> AlertChannel:
        """Send to a channel again that was disabled."""
        return cast("AlertChannel", self._post(f"/alert-channels/{channel_id}/enable", {}, None))
