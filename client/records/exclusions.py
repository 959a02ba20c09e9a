"""What is taken out of detection; times are text in RFC 3339, UTC, days as in 2026-12-25."""

from typing import TypedDict


class ExclusionWindow(TypedDict):
    """Hours that are not detected on; one with `removed_at` was taken back."""

    id: str
    org_id: str
    project_id: str
    starts_at: str
    ends_at: str
    kind: str
    reason: str
    metric_name: str | None
    cohort: str
    feature: str
    created_by: str
    created_at: str
    removed_by: str | None
    removed_at: str | None


class AttachedCalendar(TypedDict):
    """Public holidays: of which country, or part of it, in which years."""

    country: str
    subdivision: str | None
    first_year: int
    last_year: int


class Holiday(TypedDict):
    """A day that is not detected on; `own`: the team's own."""

    day: str
    name: str
    own: bool


class HolidayCalendar(TypedDict):
    """The holidays of a project, and what they were made of."""

    org_id: str
    project_id: str
    version: int
    public: AttachedCalendar | None
    holidays: list[Holiday]
    created_by: str
    created_at: str
