from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from api.parameters import OneOf
from api.schemas.base import Sent
from storage.tables.deliveries import DELIVERY_KINDS, DELIVERY_STATUSES

DeliveryKind = Annotated[str, OneOf(DELIVERY_KINDS)]
DeliveryStatus = Annotated[str, OneOf(DELIVERY_STATUSES)]


class AlertDelivery(Sent):
    """One message to one channel, and what became of it. What it says is not shown."""

    id: UUID = Field(description="the receiver has it, the same however often it is sent")
    org_id: UUID
    channel_id: UUID
    project_id: UUID | None = Field(description="null: it is about several projects, or none")
    report_id: UUID | None = Field(description="null: it is about several reports, or none")
    thread_id: UUID = Field(description="what it is about: those of one thread arrive in order")
    sequence: int = Field(description="its place among its channel's", examples=[12])
    kind: DeliveryKind
    status: DeliveryStatus
    attempts: int = Field(description="how often it was tried", examples=[1])
    created_at: datetime
    next_attempt_at: datetime | None = Field(
        description="when it is tried next, or later where its channel is left alone; "
        "null: it waits behind another of its thread, or is over"
    )
    sent_at: datetime | None = Field(description="when the receiver took it, null where it has not")
    last_error: str | None = Field(description="how the last attempt failed", examples=["status 503"])

    @field_validator("next_attempt_at")
    @classmethod
    def _not_before_it_was(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        # A test goes before all that waits: its time is long ago.
        return value and max(value, info.data.get("created_at", value))
