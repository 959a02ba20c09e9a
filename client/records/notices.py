"""What the system noticed; times are text in RFC 3339, UTC."""

from typing import Any, TypedDict


class AlertNotice(TypedDict):
    """Something noticed of a project, open while `ended_at` is None; `detail` follows from `kind`."""

    id: str
    org_id: str
    project_id: str
    kind: str
    cohort: str
    opened_at: str
    ended_at: str | None
    detail: dict[str, Any]
    updated_at: str
