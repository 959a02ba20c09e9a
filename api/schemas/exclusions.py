from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from api.parameters import Label, Moment
from api.schemas.base import Asked, Sent, Versioned
from detectors.calendars import Holiday
from detectors.exclusions import LONGEST, ExclusionKind
from metrics.names import Metric
from storage.tables import HolidayCalendar as CalendarRow

_SERIES = "'': whichever it is"
_METRIC = "null: whichever it is"
_REASON = "a migration to another region"


class ExclusionWindow(Sent):
    """Hours that are not detected on. What was taken back is kept, with who did it and when."""

    id: UUID
    org_id: UUID
    project_id: UUID
    starts_at: datetime
    ends_at: datetime
    kind: ExclusionKind = Field(examples=["MIGRATION"])
    reason: str = Field(examples=[_REASON])
    metric_name: Metric | None = Field(description=_METRIC, examples=[None])
    cohort: str = Field(description=_SERIES)
    feature: str = Field(description=_SERIES)
    created_by: UUID
    created_at: datetime
    removed_by: UUID | None = Field(examples=[None])
    removed_at: datetime | None = Field(
        description="when it was taken back; null: it stands", examples=[None]
    )


class NewExclusionWindow(Asked):
    """Hours to take out, of all of the project's assumptions or of those about some series."""

    starts_at: Moment = Field(examples=["2026-11-01T10:00:00Z"])
    ends_at: Moment = Field(
        description=f"exclusive; at most {LONGEST.days} days later. An hour with a part in the window is out",
        examples=["2026-11-01T14:00:00Z"],
    )
    kind: ExclusionKind = Field(examples=["MIGRATION"])
    reason: Annotated[str, StringConstraints(min_length=3, max_length=500)] = Field(examples=[_REASON])
    metric_name: Metric | None = Field(None, description=_METRIC)
    cohort: Label = Field("", description=_SERIES)
    feature: Label = Field("", description=_SERIES)

    @field_validator("ends_at")
    @classmethod
    def _is_soon_after(cls, ends_at: datetime, info: ValidationInfo) -> datetime:
        starts_at = info.data.get("starts_at")
        if starts_at is not None and ends_at <= starts_at:
            raise ValueError("a time after starts_at is meant")
        if starts_at is not None and ends_at - starts_at > LONGEST:
            raise ValueError(f"a window has {LONGEST.days} days at most")
        return ends_at


class AttachedCalendar(Sent):
    """The public holidays that were attached: of which country, or part of it, in which years."""

    country: str = Field(description="ISO 3166-1", examples=["AT"])
    subdivision: str | None = Field(description="of ISO 3166-2", examples=["9"])
    first_year: int = Field(examples=[2026])
    last_year: int = Field(examples=[2028])


class HolidayCalendar(Versioned):
    """The holidays of a project, and who put them there; `public` is what they were made of."""

    org_id: UUID
    project_id: UUID
    version: int = Field(description="1, 2, 3: each calendar that held is one", examples=[1])
    public: AttachedCalendar | None = Field(description="null: days of the team's own alone")
    holidays: list[Holiday]
    created_by: UUID
    created_at: datetime

    @classmethod
    def of(cls, row: CalendarRow) -> Self:
        """Return the version in `row`."""
        return cls(
            org_id=row.org_id,
            project_id=row.project_id,
            version=row.version,
            public=None if row.country is None else AttachedCalendar.model_validate(row),
            holidays=[Holiday.model_validate(holiday) for holiday in row.holidays],
            created_by=row.created_by,
            created_at=row.created_at,
        )
