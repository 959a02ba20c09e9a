from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from api.parameters import Moment, OneOf, without_nul
from api.schemas.base import Asked, Sent
from storage.tables.findings import ACTOR_KINDS, EVENT_KINDS

Reason = Annotated[str, StringConstraints(min_length=3, max_length=2000), AfterValidator(without_nul)]
Comment = Annotated[str, StringConstraints(min_length=1, max_length=5000), AfterValidator(without_nul)]
EventKind = Annotated[str, OneOf(EVENT_KINDS)]
ActorKind = Annotated[str, OneOf(ACTOR_KINDS)]


class ReportEvent(Sent):
    """One thing that became of a report; `sequence` counts from 1 without a gap."""

    id: UUID
    org_id: UUID
    project_id: UUID
    report_id: UUID
    sequence: int = Field(examples=[2])
    kind: EventKind = Field(examples=["COMMENTED"])
    actor_kind: ActorKind = Field(description="system: what the data, or a newer version, did")
    actor_id: UUID | None = Field(description="the person; null of the system")
    at: datetime
    body: dict[str, Any] = Field(
        description="what the kind has to say (docs/reports.md); of a comment `text`, just as it was sent:"
        " escape it where you show it",
        examples=[{"text": "The new checkout is behind a flag since Monday."}],
    )


class NewAssignment(Asked):
    """Who sees to a report; null: nobody."""

    assignee_id: UUID | None = Field(description="a member of the organisation")


class NewSnooze(Asked):
    """Until when a report is left alone; null: it is looked at again."""

    until: Moment | None = Field(description="at most 90 days ahead", examples=["2027-01-04T08:00:00Z"])


class NewReason(Asked):
    """Why a report is resolved, or reopened."""

    reason: Reason = Field(examples=["The flag was off for two days; it is on again."])


class NewComment(Asked):
    """What somebody says of a report."""

    text: Comment = Field(examples=["The new checkout is behind a flag since Monday."])
