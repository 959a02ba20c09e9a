from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from client.records import DivergenceReport, DivergenceReportDetail, Incident, Series, Telemetry
from client.requests import Id, Requests

if TYPE_CHECKING:
    import pandas as pd


class Findings(Requests):
    """What production says, and what it proved wrong."""

    def telemetry(
        self,
        project_id: Id,
        *,
        metric_name: str | None = None,
        cohort: str | None = None,
        feature: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        include_open: bool = False,
    ) -> Iterator[Telemetry]:
        """A project's hourly rows, newest first; `since` inclusive, `until` exclusive, with a time zone.

        `include_open` adds the current hours, as far as they are known (`provisional`).
        """
        rows = self._list(
            f"/projects/{project_id}/telemetry",
            metric_name=metric_name,
            cohort=cohort,
            feature=feature,
            since=since,
            until=until,
            include="open" if include_open else None,
        )
        return cast("Iterator[Telemetry]", rows)

    def series(
        self,
        project_id: Id,
        *,
        metric_name: str | None = None,
        cohort: str | None = None,
        feature: str | None = None,
        since: datetime | None = None,
    ) -> Iterator[Series]:
        """A project's series, by metric, cohort and feature; `since` is about `last_hour`, inclusive."""
        rows = self._list(
            f"/projects/{project_id}/series",
            metric_name=metric_name,
            cohort=cohort,
            feature=feature,
            since=since,
        )
        return cast("Iterator[Series]", rows)

    def telemetry_frame(self, project_id: Id, **filters: Any) -> "pd.DataFrame":
        """The rows of `telemetry` as a DataFrame, oldest first, indexed by `timestamp` (UTC)."""
        import pandas as pd  # noqa: PLC0415  # only notebooks need it

        rows = list(self.telemetry(project_id, **filters))
        frame = pd.DataFrame(rows, columns=list(Telemetry.__annotations__))
        for column in ("timestamp", "created_at", "updated_at"):
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601").dt.as_unit("us")
        return frame.set_index("timestamp").sort_index(kind="stable")

    def divergence_reports(
        self,
        *,
        project_id: Id | None = None,
        divergence_type: str | None = None,
        classification: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        incident_id: Id | None = None,
        shadow: bool = False,
    ) -> Iterator[DivergenceReport]:
        """Divergence reports, newest first; `since` is about `detected_at`, inclusive.

        `shadow`: those of assumptions that ran silently, instead of the others.
        """
        rows = self._list(
            "/divergence-reports",
            project_id=project_id,
            divergence_type=divergence_type,
            classification=classification,
            status=status,
            since=since,
            incident_id=incident_id,
            shadow=shadow,
        )
        return cast("Iterator[DivergenceReport]", rows)

    def incidents(
        self, *, project_id: Id | None = None, is_open: bool | None = None, since: datetime | None = None
    ) -> Iterator[Incident]:
        """Reports that share a root, newest first; `since` is about the first of them, inclusive."""
        rows = self._list("/incidents", project_id=project_id, is_open=is_open, since=since)
        return cast("Iterator[Incident]", rows)

    def divergence_report(self, report_id: Id) -> DivergenceReportDetail:
        """One report, with its cascade analysis."""
        return cast("DivergenceReportDetail", self._get(f"/divergence-reports/{report_id}"))
