from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.schemas.base import Sent


class DeadLetter(Sent):
    """A record that was sent to us, or some samples of it, that could not be counted."""

    id: UUID
    org_id: UUID
    project_id: UUID
    topic: str = Field(examples=["raw_metrics"])
    partition: int
    record_offset: int = Field(description="where in the partition the record is")
    record_at: datetime = Field(description="when the broker had the record")
    reason: str = Field(examples=["bad_value"])
    indices: list[int] = Field(
        description="which samples of the record, counted from 0; empty: the whole record", examples=[[3, 7]]
    )
    sample_count: int = Field(description="how many samples `indices` names; 0: the whole record")
    key_id: UUID | None = Field(description="the ingest key that the record named")
    refused_at: datetime
    replayed_at: datetime | None = Field(description="when the operator had it published again")
    replayed_as: UUID | None = Field(description="the batch id under which it was")
