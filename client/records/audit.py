"""What was changed; times are text in RFC 3339, UTC."""

from typing import Any, TypedDict


class AuditEntry(TypedDict):
    """One change of one resource: who, what, before and after, from where, and why."""

    id: str
    org_id: str
    project_id: str | None
    timestamp: str
    actor_kind: str
    actor_id: str
    actor_name: str | None
    action: str
    resource_type: str
    resource_id: str
    changes_before: dict[str, Any] | None
    changes_after: dict[str, Any] | None
    ip_address: str | None
    user_agent: str | None
    rationale: str | None
    is_erased: bool
