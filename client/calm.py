from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, cast

from client.records import AlertSilence, AlertWindow
from client.requests import Id, Requests

Matched = Mapping[str, Sequence[str]]
"""Which alerts, as in `{"project_id": [project], "metric_name": ["latency_p50"]}`; `{}`: all."""


class Calm(Requests):
    """When alerts wait: silences, quiet hours, maintenance."""

    def alert_silences(
        self, *, state: str | None = None, project_id: Id | None = None, sort: str | None = None
    ) -> Iterator[AlertSilence]:
        """What is silenced, newest first: `active`, `pending` or `ended`; what names a project, or none."""
        rows = self._list("/alert-silences", state=state, project_id=project_id, sort=sort)
        return cast("Iterator[AlertSilence]", rows)

    def alert_silence(self, silence_id: Id) -> AlertSilence:
        """One silence."""
        return cast("AlertSilence", self._get(f"/alert-silences/{silence_id}"))

    def create_alert_silence(
        self,
        matchers: Matched,
        ends_at: datetime,
        reason: str,
        *,
        starts_at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> AlertSilence:
        """Let alerts wait until `ends_at`, from now on unless told otherwise."""
        body = {"matchers": _lists(matchers), "starts_at": starts_at, "ends_at": ends_at, "reason": reason}
        return cast("AlertSilence", self._post("/alert-silences", body, idempotency_key))

    def end_alert_silence(self, silence: AlertSilence) -> AlertSilence:
        """End it now."""
        return cast("AlertSilence", self._post(f"/alert-silences/{silence['id']}/end", {}, None))

    def alert_windows(self, *, sort: str | None = None) -> Iterator[AlertWindow]:
        """The hours in which alerts wait, newest first."""
        return cast("Iterator[AlertWindow]", self._list("/alert-windows", sort=sort))

    def alert_window(self, window_id: Id) -> AlertWindow:
        """One window."""
        return cast("AlertWindow", self._get(f"/alert-windows/{window_id}"))

    def create_alert_window(
        self,
        name: str,
        kind: str,
        timezone: str,
        from_time: time,
        to_time: time,
        *,
        matchers: Matched | None = None,
        weekdays: Sequence[int] = (1, 2, 3, 4, 5, 6, 7),
        first_day: date | None = None,
        last_day: date | None = None,
        lets_through: str | None = None,
        idempotency_key: str | None = None,
    ) -> AlertWindow:
        """Let alerts wait at hours that come again: QUIET_HOURS, or for MAINTENANCE; 1 is Monday."""
        body = {
            "name": name,
            "kind": kind,
            "matchers": _lists(matchers or {}),
            "timezone": timezone,
            "weekdays": list(weekdays),
            "from_time": f"{from_time:%H:%M}",
            "to_time": f"{to_time:%H:%M}",
            "first_day": first_day and first_day.isoformat(),
            "last_day": last_day and last_day.isoformat(),
            "lets_through": lets_through,
        }
        return cast("AlertWindow", self._post("/alert-windows", body, idempotency_key))

    def change_alert_window(self, window: AlertWindow, **changes: Any) -> AlertWindow:
        """Change any of its fields, as the API takes them."""
        path = f"/alert-windows/{window['id']}"
        return cast("AlertWindow", self._patch(path, window["version"], changes))

    def remove_alert_window(self, window: AlertWindow) -> None:
        """Let it hold nothing any more."""
        self._delete(f"/alert-windows/{window['id']}", window["version"])


def _lists(matchers: Matched) -> dict[str, list[str]]:
    return {name: [str(value) for value in values] for name, values in matchers.items()}
