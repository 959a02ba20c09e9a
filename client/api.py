from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from uuid import UUID

import httpx

from client.errors import ApiError
from client.records import (
    Artifact,
    ArtifactDetail,
    DivergenceReport,
    DivergenceReportDetail,
    Me,
    Project,
    Telemetry,
)

if TYPE_CHECKING:
    import pandas as pd

PAGE = 200
Id = str | UUID


class Client:
    """Asks the API at `url` with a token. Lists are read page by page, as far as they are iterated.

    >>> with Client("http://127.0.0.1:8000", token) as augentis:  # doctest: +SKIP
    ...     for report in augentis.divergence_reports(classification="MAJOR"):
    ...         print(report["summary"])

    Methods raise ApiError when the API refuses, and httpx.HTTPError when it is not reached.
    """

    def __init__(
        self, url: str, token: str, *, timeout: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/") + "/v1",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )

    def me(self) -> Me:
        """Who asks, for which organisation, and as what."""
        return cast("Me", self._get("/me"))

    def projects(self, *, is_archived: bool = False) -> Iterator[Project]:
        """The organisation's projects, newest first."""
        return cast("Iterator[Project]", self._list("/projects", is_archived=is_archived))

    def project(self, project_id: Id) -> Project:
        """One project."""
        return cast("Project", self._get(f"/projects/{project_id}"))

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

    def telemetry_frame(self, project_id: Id, **filters: Any) -> "pd.DataFrame":
        """The rows of `telemetry` as a DataFrame, oldest first, indexed by `timestamp` (UTC)."""
        import pandas as pd  # noqa: PLC0415  # only notebooks need it

        rows = list(self.telemetry(project_id, **filters))
        frame = pd.DataFrame(rows, columns=list(Telemetry.__annotations__))
        for column in ("timestamp", "created_at", "updated_at"):
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601").dt.as_unit("us")
        return frame.set_index("timestamp").sort_index(kind="stable")

    def artifacts(
        self,
        project_id: Id,
        *,
        type: str | None = None,  # noqa: A002  # the field's name
        key: str | None = None,
        status: str | None = None,
    ) -> Iterator[Artifact]:
        """A project's artifact versions, newest first."""
        rows = self._list(f"/projects/{project_id}/artifacts", type=type, key=key, status=status)
        return cast("Iterator[Artifact]", rows)

    def artifact(self, artifact_id: Id) -> ArtifactDetail:
        """One version of an artifact, with its content and what it rests on."""
        return cast("ArtifactDetail", self._get(f"/artifacts/{artifact_id}"))

    def divergence_reports(
        self,
        *,
        project_id: Id | None = None,
        divergence_type: str | None = None,
        classification: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
    ) -> Iterator[DivergenceReport]:
        """Divergence reports, newest first; `since` is about `detected_at`, inclusive."""
        rows = self._list(
            "/divergence-reports",
            project_id=project_id,
            divergence_type=divergence_type,
            classification=classification,
            status=status,
            since=since,
        )
        return cast("Iterator[DivergenceReport]", rows)

    def divergence_report(self, report_id: Id) -> DivergenceReportDetail:
        """One report, with its cascade analysis."""
        return cast("DivergenceReportDetail", self._get(f"/divergence-reports/{report_id}"))

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _list(self, path: str, **filters: Any) -> Iterator[Any]:
        parameters = {name: _text(value) for name, value in filters.items() if value is not None}
        cursor: str | None = None
        while True:
            page = self._get(path, **parameters, limit=PAGE, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _get(self, path: str, **parameters: Any) -> Any:
        response = self._http.get(path, params=parameters)
        if response.is_success:
            return response.json()
        raise ApiError(response.status_code, _problem(response))


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: say which, for example with tzinfo=UTC")
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    return (
        body if isinstance(body, dict) else {"title": response.reason_phrase, "detail": response.text[:200]}
    )
