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


class ToldChannel(TypedDict):
    """What a channel knows of a report; `state` is WAITING (for the weekly digest), TOLD or ENDED.

    `thread_kind` is subject, incident, storm or digest. A digest has no `thread_id`.
    """

    channel_id: str
    channel_name: str
    channel_kind: str
    route_id: str | None
    state: str
    thread_kind: str
    thread_id: str | None
    classification: str
    first_told_at: str | None
    told_at: str | None
    reminded_at: str | None
    escalated_at: str | None
