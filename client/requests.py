"""How the client asks: pages, ETags, idempotency keys, errors."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from client.errors import ApiError

PAGE = 200
Id = str | UUID


class Requests:
    """Asks the API at `url` with a token or key."""

    def __init__(
        self, url: str, token: str, *, timeout: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/v1",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )

    def _get(self, path: str, **parameters: Any) -> Any:
        return self._ask("GET", path, params=parameters)

    def _list(self, path: str, **filters: Any) -> Iterator[Any]:
        parameters = {name: _text(value) for name, value in filters.items() if value is not None}
        cursor: str | None = None
        while True:
            page = self._get(path, **parameters, limit=PAGE, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _post(self, path: str, body: Mapping[str, Any], idempotency_key: str | None) -> Any:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._ask("POST", path, json=_json(body), headers=headers)

    def _put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._ask("PUT", path, json=_json(body))

    def _patch(self, path: str, version: int | None, body: Mapping[str, Any]) -> Any:
        return self._ask("PATCH", path, json=_json(body), headers=_if_match(version))

    def _delete(self, path: str, version: int | None) -> None:
        self._ask("DELETE", path, headers=_if_match(version))

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        response = self._http.request(method, path, **request)
        if response.is_success:
            return response.json() if response.content else None
        raise ApiError(response.status_code, _problem(response))


def _if_match(version: int | None) -> dict[str, str]:
    return {"If-Match": "*" if version is None else f'"{version}"'}


def _json(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in body.items()}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: say which, for example with tzinfo=UTC")
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    return (
        body if isinstance(body, dict) else {"title": response.reason_phrase, "detail": response.text[:200]}
    )
