from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from client.records import DivergenceReport, DivergenceReportDetail, ReportEvent
from client.requests import Id, Requests


class Handling(Requests):
    """What people do with reports. Each action is about the report as it was read, or refused (412)."""

    def acknowledge_report(self, report: DivergenceReport) -> DivergenceReportDetail:
        """Say that you have seen it."""
        return self._handled(report, "acknowledge")

    def unacknowledge_report(self, report: DivergenceReport) -> DivergenceReportDetail:
        """Take that back."""
        return self._handled(report, "unacknowledge")

    def assign_report(self, report: DivergenceReport, assignee_id: Id | None) -> DivergenceReportDetail:
        """Say which member sees to it; None: nobody."""
        return self._handled(report, "assign", {"assignee_id": assignee_id and str(assignee_id)})

    def snooze_report(self, report: DivergenceReport, until: datetime | None) -> DivergenceReportDetail:
        """Leave it alone until a time with a time zone, at most 90 days ahead; None: no more."""
        if until and until.tzinfo is None:
            raise ValueError(f"{until} has no time zone: say which, for example with tzinfo=UTC")
        return self._handled(report, "snooze", {"until": until and until.isoformat()})

    def resolve_report(self, report: DivergenceReport, reason: str) -> DivergenceReportDetail:
        """Resolve it."""
        return self._handled(report, "resolve", {"reason": reason})

    def reopen_report(self, report: DivergenceReport, reason: str) -> DivergenceReportDetail:
        """Open what a person has resolved."""
        return self._handled(report, "reopen", {"reason": reason})

    def comment_on_report(
        self, report_id: Id, text: str, *, idempotency_key: str | None = None
    ) -> ReportEvent:
        """Comment on it; nobody changes that afterwards."""
        path = f"/divergence-reports/{report_id}/comments"
        return cast("ReportEvent", self._post(path, {"text": text}, idempotency_key))

    def report_timeline(self, report_id: Id, *, sort: str | None = None) -> Iterator[ReportEvent]:
        """What became of a report, from its detection on; `sort="-sequence"`: the newest first."""
        rows = self._list(f"/divergence-reports/{report_id}/timeline", sort=sort)
        return cast("Iterator[ReportEvent]", rows)

    def _handled(
        self, report: DivergenceReport, action: str, body: Mapping[str, Any] | None = None
    ) -> DivergenceReportDetail:
        headers = {"If-Match": f'"{report["handling_version"]}"'}
        sent = {} if body is None else {"json": body}
        path = f"/divergence-reports/{report['id']}/{action}"
        return cast("DivergenceReportDetail", self._ask("POST", path, headers=headers, **sent))
