from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from api.parameters import OneOf
from api.schemas.base import Sent
from api.schemas.channels import ChannelKind
from detectors.divergence import Classification
from storage.reading.told import STATES, THREAD_KINDS
from storage.tables.deliveries import DELIVERY_KINDS, DELIVERY_STATUSES

DeliveryKind = Annotated[str, OneOf(DELIVERY_KINDS)]
DeliveryStatus = Annotated[str, OneOf(DELIVERY_STATUSES)]
ToldState = Annotated[
    str,
    OneOf(STATES),
    Field(
        description="WAITING for the weekly digest; TOLD, and not over for all the channel knows; ENDED: it "
        "knows that it is over, or hears of the thread's others alone"
    ),
]
ToldThread = Annotated[
    str,
    OneOf(THREAD_KINDS),
    Field(description="told by itself (`subject`), with its incident, in a storm, or in the weekly digest"),
]


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


class ToldChannel(Sent):
    """What a channel knows of a report. Whether its messages have arrived, deliveries say."""

    channel_id: UUID
    channel_name: str = Field(examples=["checkout, on call"])
    channel_kind: ChannelKind
    route_id: UUID | None = Field(description="the route by which it came there; null: none is known")
    state: ToldState
    thread_kind: ToldThread
    thread_id: UUID | None = Field(
        description="what its messages are about: the report, its incident, the storm that it came in; "
        "null: a digest"
    )
    classification: Classification = Field(description="the one that was told last, or waits to be")
    first_told_at: datetime | None = Field(
        description="since it was last opened; null: it waits for the digest"
    )
    told_at: datetime | None = Field(description="when it was last told anew, or as worse than before")
    reminded_at: datetime | None = Field(description="when its thread was last reminded of, null if never")
    escalated_at: datetime | None = Field(
        description="when it came there since nobody had acknowledged it; null: not for that"
    )
