"""The API on trial: real PostgreSQL, every rule of it, and nothing is left of what a request has done."""

from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import FastAPI

SAME_FOR_NOBODY = {"x-request-id", "ratelimit"}


class Trial:
    """Undoes each transaction where it would be committed, and knows whether it had written anything."""

    def __init__(self, app: FastAPI) -> None:
        dialect = app.state.services.sessions.engine.sync_engine.dialect
        self._wrote = False

        def undo(connection: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("SELECT pg_current_xact_id_if_assigned()")
            self._wrote |= cursor.fetchone()[0] is not None
            cursor.close()
            dialect.do_rollback(connection)

        dialect.do_commit = undo

    def has_written(self) -> bool:
        """Tell whether anything would have been committed since this was asked last."""
        wrote, self._wrote = self._wrote, False
        return wrote


def outcome(response: httpx.Response) -> str:
    """Return `ok`, or the status and the end of the problem's type."""
    if response.is_success:
        return "ok"
    return f"{response.status_code} {response.json()['type'].removeprefix('urn:augentis:problem:')}"


def told(response: httpx.Response, ids: Mapping[str, str]) -> tuple[Any, ...]:
    """Return all that an answer says, without the ids that its request named and its own."""
    headers = {name: value for name, value in response.headers.items() if name not in SAME_FOR_NOBODY}
    text = response.text.replace(response.headers["x-request-id"], "<request>")
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return response.status_code, headers, text
