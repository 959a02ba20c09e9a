from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from client.records import AlertRoute, ReportRouting
from client.requests import Id, Requests


class Routes(Requests):
    """Which alert goes to which channel."""

    def alert_routes(self, *, sort: str | None = None) -> Iterator[AlertRoute]:
        """The organisation's routes, in the order in which they are asked."""
        return cast("Iterator[AlertRoute]", self._list("/alert-routes", sort=sort))

    def alert_route(self, route_id: Id) -> AlertRoute:
        """One route."""
        return cast("AlertRoute", self._get(f"/alert-routes/{route_id}"))

    def create_alert_route(
        self,
        name: str,
        matchers: Mapping[str, Sequence[Id]] | None = None,
        *,
        notify: Sequence[Id] = (),
        idempotency_key: str | None = None,
        **more: Any,
    ) -> AlertRoute:
        """Make a route; `more` are its other fields, such as `position` or `cosmetic`."""
        matched = {key: _texts(values) for key, values in (matchers or {}).items()}
        body = {"name": name, "matchers": matched, "notify": _texts(notify), **_listed(more)}
        return cast("AlertRoute", self._post("/alert-routes", body, idempotency_key))

    def change_alert_route(self, route: AlertRoute, **changes: Any) -> AlertRoute:
        """Change a route; `position` moves it, lists replace what was there."""
        path = f"/alert-routes/{route['id']}"
        return cast("AlertRoute", self._patch(path, route["version"], _listed(changes)))

    def delete_alert_route(self, route: AlertRoute) -> None:
        """Delete a route."""
        self._delete(f"/alert-routes/{route['id']}", route["version"])

    def report_routing(self, report_id: Id) -> ReportRouting:
        """Where an alert about a report would go now, and why."""
        return cast("ReportRouting", self._get(f"/divergence-reports/{report_id}/routing"))


def _texts(ids: Sequence[Id]) -> list[str]:
    return [str(each) for each in ids]


def _listed(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _texts(value) if name in ("notify", "escalate") else value for name, value in fields.items()
    }
