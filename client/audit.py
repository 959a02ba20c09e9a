from collections.abc import Iterator
from datetime import datetime
from typing import cast

from client.records import AuditEntry
from client.requests import Id, Requests


class Audit(Requests):
    """Who changed what, and why."""

    def audit_log(
        self,
        *,
        resource_type: str | None = None,
        resource_id: Id | None = None,
        actor_id: Id | None = None,
        action: str | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[AuditEntry]:
        """The organisation's audit log, newest first, for an ADMIN; `since` is about `timestamp`."""
        rows = self._list(
            "/audit-log",
            resource_type=resource_type,
            resource_id=resource_id,
            actor_id=actor_id,
            action=action,
            since=since,
            sort=sort,
        )
        return cast("Iterator[AuditEntry]", rows)
