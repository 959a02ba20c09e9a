from collections.abc import Iterator
from datetime import datetime
from typing import cast

from client.records import AlertNotice
from client.requests import Id, Requests


class Notices(Requests):
    """What the system notices of projects by itself."""

    def alert_notices(
        self,
        *,
        project_id: Id | None = None,
        kind: str | None = None,
        is_open: bool | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[AlertNotice]:
        """The organisation's notices, newest first; `since` is about `opened_at`."""
        rows = self._list(
            "/alert-notices", project_id=project_id, kind=kind, is_open=is_open, since=since, sort=sort
        )
        return cast("Iterator[AlertNotice]", rows)
