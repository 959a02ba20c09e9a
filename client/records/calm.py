"""When alerts wait; times are text in RFC 3339, UTC, days as in 2026-12-25, clocks as in 22:00."""

from typing import TypedDict

from client.records.routes import Matchers


class AlertSilence(TypedDict):
    """What somebody has silenced; `state` is active, pending or ended."""

    id: str
    org_id: str
    matchers: Matchers
    starts_at: str
    ends_at: str
    reason: str
    state: str
    created_by: str
    created_at: str
    ended_at: str | None
    ended_by: str | None


class AlertWindow(TypedDict):
    """Hours that come again, in which alerts wait; 1 of `weekdays` is Monday."""

    id: str
    org_id: str
    name: str
    kind: str
    matchers: Matchers
    timezone: str
    weekdays: list[int]
    from_time: str
    to_time: str
    first_day: str | None
    last_day: str | None
    lets_through: str | None
    created_by: str
    created_at: str
    updated_at: str
    version: int
