from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import cast

from client.records import ExclusionWindow, HolidayCalendar
from client.requests import Id, Requests


class Exclusions(Requests):
    """What is taken out of detection."""

    def exclusions(
        self,
        project_id: Id,
        *,
        include_removed: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[ExclusionWindow]:
        """The project's exclusion windows of which a part lies in [since, until), the latest first."""
        path = f"/projects/{project_id}/exclusions"
        rows = self._list(path, include_removed=include_removed, since=since, until=until, sort=sort)
        return cast("Iterator[ExclusionWindow]", rows)

    def exclusion(self, project_id: Id, exclusion_id: Id) -> ExclusionWindow:
        """One exclusion window."""
        return cast("ExclusionWindow", self._get(f"/projects/{project_id}/exclusions/{exclusion_id}"))

    def create_exclusion(
        self,
        project_id: Id,
        starts_at: datetime,
        ends_at: datetime,
        kind: str,
        reason: str,
        *,
        metric_name: str | None = None,
        cohort: str = "",
        feature: str = "",
        idempotency_key: str | None = None,
    ) -> ExclusionWindow:
        """Take hours out of detection: for an INCIDENT, a MIGRATION, a LOAD_TEST, or OTHER."""
        body = {
            "starts_at": starts_at,
            "ends_at": ends_at,
            "kind": kind,
            "reason": reason,
            "metric_name": metric_name,
            "cohort": cohort,
            "feature": feature,
        }
        made = self._post(f"/projects/{project_id}/exclusions", body, idempotency_key)
        return cast("ExclusionWindow", made)

    def take_back_exclusion(self, exclusion: ExclusionWindow) -> None:
        """Let a window's hours count again."""
        self._delete(f"/projects/{exclusion['project_id']}/exclusions/{exclusion['id']}", None)

    def holidays(self, project_id: Id) -> HolidayCalendar:
        """The days that are not detected on."""
        return cast("HolidayCalendar", self._get(f"/projects/{project_id}/holidays"))

    def put_holidays(
        self,
        project_id: Id,
        days: Mapping[date, str] | None = None,
        *,
        country: str | None = None,
        subdivision: str | None = None,
        first_year: int | None = None,
        last_year: int | None = None,
    ) -> HolidayCalendar:
        """Let these hold: `days` of the team's own with their names, and a country's public holidays."""
        named = [{"day": day.isoformat(), "name": name} for day, name in (days or {}).items()]
        public = {
            "country": country,
            "subdivision": subdivision,
            "first_year": first_year,
            "last_year": last_year,
        }
        body = {"public": public if country else None, "days": named}
        put = self._put(f"/projects/{project_id}/holidays", body)
        return cast("HolidayCalendar", put)
