"""What was refused; times are text in RFC 3339, UTC."""

from typing import TypedDict


class DeadLetter(TypedDict):
    """A record, or the samples of it at `indices`, that could not be counted; `[]`: the whole record."""

    id: str
    org_id: str
    project_id: str
    topic: str
    partition: int
    record_offset: int
    record_at: str
    reason: str
    indices: list[int]
    sample_count: int
    key_id: str | None
    refused_at: str
    replayed_at: str | None
    replayed_as: str | None
