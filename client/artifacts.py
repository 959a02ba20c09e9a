from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from client.records import (
    Artifact,
    ArtifactBacktest,
    ArtifactCascade,
    ArtifactDetail,
    Assumption,
    Backtest,
    Dependency,
    Tag,
)
from client.requests import Id, Requests


class Artifacts(Requests):
    """Artifact versions, what hangs on them, and the assumptions in them."""

    def artifacts(
        self,
        project_id: Id,
        *,
        type: str | None = None,  # noqa: A002  # the field's name
        key: str | None = None,
        status: str | None = None,
        evidence_tier: str | None = None,
        tag: str | None = None,
        since: datetime | None = None,
        latest: bool | None = None,
        sort: str | None = None,
    ) -> Iterator[Artifact]:
        """A project's artifact versions, newest first; `latest`: the highest of each type and key."""
        rows = self._list(
            f"/projects/{project_id}/artifacts",
            type=type,
            key=key,
            status=status,
            evidence_tier=evidence_tier,
            tag=tag,
            since=since,
            latest=latest,
            sort=sort,
        )
        return cast("Iterator[Artifact]", rows)

    def artifact(self, artifact_id: Id) -> ArtifactDetail:
        """One version of an artifact, with its content, its tags and what it rests on."""
        return cast("ArtifactDetail", self._get(f"/artifacts/{artifact_id}"))

    def backtest_artifact(
        self, artifact_id: Id, *, since: datetime | None = None, alarms_per_year: float = 0.1
    ) -> ArtifactBacktest:
        """What a version's assumptions would have said of the project's telemetry, approved or not."""
        asked = {"since": since.isoformat()} if since else {}
        path = f"/artifacts/{artifact_id}/backtest"
        return cast("ArtifactBacktest", self._get(path, alarms_per_year=alarms_per_year, **asked))

    def backtest(
        self,
        project_id: Id,
        assumption: Mapping[str, Any],
        *,
        since: datetime | None = None,
        alarms_per_year: float = 0.1,
    ) -> Backtest:
        """What an assumption, an entry of `content.assumptions`, would have said of a project's telemetry."""
        body = {"assumption": assumption, "since": since, "alarms_per_year": alarms_per_year}
        return cast("Backtest", self._post(f"/projects/{project_id}/backtests", body, None))

    def create_artifact(
        self,
        project_id: Id,
        type: str,  # noqa: A002  # the field's name
        *,
        key: str = "",
        content: Mapping[str, Any] | None = None,
        evidence_tier: str = "E0",
        depends_on: Iterable[Id] = (),
        idempotency_key: str | None = None,
    ) -> ArtifactDetail:
        """Make the next version of an artifact, a draft."""
        body = {
            "type": type,
            "key": key,
            "content": content,
            "evidence_tier": evidence_tier,
            "depends_on": [str(each) for each in depends_on],
        }
        return cast("ArtifactDetail", self._post(f"/projects/{project_id}/artifacts", body, idempotency_key))

    def change_artifact(self, artifact: Artifact, **changes: Any) -> ArtifactDetail:
        """Change `content` and `evidence_tier`, or take one step of the `status`."""
        path = f"/artifacts/{artifact['id']}"
        return cast("ArtifactDetail", self._patch(path, artifact["revision"], changes))

    def tag_artifact(self, artifact_id: Id, tag_name: str, *, idempotency_key: str | None = None) -> Tag:
        """Put a tag on a version."""
        return cast(
            "Tag", self._post(f"/artifacts/{artifact_id}/tags", {"tag_name": tag_name}, idempotency_key)
        )

    def untag_artifact(self, artifact_id: Id, tag_name: str) -> None:
        """Take a tag off a version."""
        self._delete(f"/artifacts/{artifact_id}/tags/{quote(tag_name, safe='')}", None)

    def add_dependency(
        self, artifact_id: Id, depends_on_id: Id, *, idempotency_key: str | None = None
    ) -> Dependency:
        """Say that a version rests on another one in the same project."""
        body = {"depends_on_id": depends_on_id}
        return cast("Dependency", self._post(f"/artifacts/{artifact_id}/dependencies", body, idempotency_key))

    def cascade(
        self, artifact_id: Id, *, tier_delta: int | None = None, telemetry_tier: str | None = None
    ) -> ArtifactCascade:
        """What rests on an artifact, and what to do if production proved it wrong.

        By how many tiers of evidence, or by telemetry of which tier: E4 if neither is said.
        """
        asked = {"tier_delta": tier_delta, "telemetry_tier": telemetry_tier}
        given = {name: value for name, value in asked.items() if value is not None}
        return cast("ArtifactCascade", self._get(f"/artifacts/{artifact_id}/cascade", **given))

    def assumptions(
        self,
        project_id: Id,
        *,
        artifact_id: Id | None = None,
        metric_name: str | None = None,
        is_superseded: bool | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[Assumption]:
        """The assumptions of a project's approved versions, newest first."""
        rows = self._list(
            f"/projects/{project_id}/assumptions",
            artifact_id=artifact_id,
            metric_name=metric_name,
            is_superseded=is_superseded,
            since=since,
            sort=sort,
        )
        return cast("Iterator[Assumption]", rows)

    def assumption(self, assumption_id: Id) -> Assumption:
        """One assumption."""
        return cast("Assumption", self._get(f"/assumptions/{assumption_id}"))
