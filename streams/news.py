"""What `telemetry_closed` says: days that are complete, hours that changed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(slots=True)
class News:
    """What a chunk says of a project: days complete through, and the earliest hour that changed."""

    complete_through: date | None = None
    changed_from: datetime | None = None


def read_news(values: Iterable[bytes]) -> dict[tuple[UUID, UUID], News]:
    """Return what events of `telemetry_closed` say, by organisation and project."""
    news: dict[tuple[UUID, UUID], News] = {}
    for value in values:
        event = json.loads(value)
        said = news.setdefault((UUID(event["org_id"]), UUID(event["project_id"])), News())
        if event["kind"] == "day_closed":
            day = date.fromisoformat(event["day"])
            said.complete_through = max(day, said.complete_through or day)
        else:
            first = datetime.fromisoformat(event["first"])
            said.changed_from = min(first, said.changed_from or first)
    return news
