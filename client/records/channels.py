"""Where alerts go; times are text in RFC 3339, UTC."""

from typing import Any, TypedDict


class AlertChannel(TypedDict):
    """A place that alerts go to, without its secrets; `heartbeat_every` as in "4h"."""

    id: str
    org_id: str
    name: str
    kind: str
    settings: dict[str, Any]
    secret_changed_at: str | None
    secret_rotated_at: str | None
    rate_per_minute: int
    heartbeat_every: str | None
    disabled_at: str | None
    disabled_reason: str | None
    created_by: str
    created_at: str
    updated_at: str
    version: int


class MadeAlertChannel(AlertChannel):
    """A channel with a secret that was just made, which is not shown again; None: it was sent, or is none."""

    secret: str | None
