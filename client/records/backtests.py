"""What an assumption would have said of telemetry that is there."""

from typing import Any, TypedDict


class Backtest(TypedDict):
    """One assumption's; `events` are its transitions, `fired` how often people would have been told."""

    assumption_key: str
    first_day: str | None
    last_day: str | None
    fired: int
    summary: str
    events: list[dict[str, Any]]


class ArtifactBacktest(TypedDict):
    """Those of a version's assumptions; `not_tested` are the keys of elasticities."""

    artifact_id: str
    project_id: str
    backtests: list[Backtest]
    not_tested: list[str]
