"""What is sent to channels; times are text in RFC 3339, UTC."""

from typing import TypedDict


class AlertDelivery(TypedDict):
    """A message to a channel; `status` is PENDING, SENT or DEAD, `last_error` why it is not sent."""

    id: str
    org_id: str
    channel_id: str
    project_id: str | None
    report_id: str | None
    thread_id: str
    sequence: int
    kind: str
    status: str
    attempts: int
    created_at: str
    next_attempt_at: str | None
    sent_at: str | None
    last_error: str | None
