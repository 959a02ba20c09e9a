from collections.abc import Iterator
from datetime import date
from typing import Any, cast

from client.records import Cost, CostPage
from client.requests import Id, Requests


class Costs(Requests):
    """What agents cost."""

    def costs(
        self,
        by: str = "organization",
        *,
        period: str = "monthly",
        since: date | None = None,
        until: date | None = None,
        project_id: Id | None = None,
        models: bool = False,
        sort: str | None = None,
    ) -> Iterator[Cost]:
        """Costs by organization, project, phase or agent, in months, weeks or days; the newest period first.

        `since` inclusive and `until` exclusive are about the first day of a period.
        """
        days = _days(since=since, until=until)
        asked = {"by": by, "period": period, "project_id": project_id, "models": models, "sort": sort}
        return cast("Iterator[Cost]", self._list("/costs", **asked, **days))

    def cost_totals(
        self,
        *,
        period: str = "monthly",
        since: date | None = None,
        until: date | None = None,
        project_id: Id | None = None,
    ) -> CostPage:
        """What all of it comes to (`totals`), and since when executions are not in yet (`pending_since`)."""
        days = _days(since=since, until=until)
        project = {} if project_id is None else {"project_id": str(project_id)}
        return cast("CostPage", self._get("/costs", period=period, limit=1, **project, **days))


def _days(**days: date | None) -> dict[str, Any]:
    return {name: day.isoformat() for name, day in days.items() if day is not None}
