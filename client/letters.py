from collections.abc import Iterator
from datetime import datetime
from typing import cast

from client.records import DeadLetter
from client.requests import Id, Requests


class Letters(Requests):
    """What was sent and could not be counted."""

    def dead_letters(
        self,
        *,
        project_id: Id | None = None,
        reason: str | None = None,
        topic: str | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[DeadLetter]:
        """The organisation's dead letters, newest first, for an ADMIN; `since` is about `refused_at`."""
        rows = self._list(
            "/dead-letters", project_id=project_id, reason=reason, topic=topic, since=since, sort=sort
        )
        return cast("Iterator[DeadLetter]", rows)
