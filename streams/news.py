"""What `telemetry_closed` says: days that are complete, hours that changed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

CORRECTED = "telemetry was corrected"
EXCLUDED = "what is taken out of detection was changed"


@dataclass(slots=True)
class News:
    """What a chunk says of a project: days complete through, and the earliest hour that changed, and why.

    `more`: other hours have changed too, and are told of next; what is there now is half of it.
    """

    complete_through: date | None = None
    changed_from: datetime | None = None
    reason: str = CORRECTED
    more: bool = False


def read_news(values: Iterable[bytes]) -> dict[tuple[UUID, UUID], News]:
    """Return what events of `telemetry_closed` say, by organisation and project."""
    news: dict[tuple[UUID, UUID], News] = {}
    for value in values:
        event = json.loads(value)
        said = news.setdefault((UUID(event["org_id"]), UUID(event["project_id"])), News())
        said.more = event.get("more", said.more)
        if event["kind"] == "day_closed":
            day = date.fromisoformat(event["day"])
            said.complete_through = max(day, said.complete_through or day)
            continue
        first = datetime.fromisoformat(event["first"])
        if event["kind"] == "exclusions_changed":
            said.reason = EXCLUDED
        said.changed_from = min(first, said.changed_from or first)
    return news
