import json
from datetime import UTC, date, datetime

from streams.news import News, read_news
from tests.unit.streams.messages import ORG, OTHER, PROJECT


def event(kind: str, project: object = PROJECT, **more: str) -> bytes:
    return json.dumps({"org_id": str(ORG), "project_id": str(project), "kind": kind, **more}).encode()


def test_news_are_the_latest_day_and_the_earliest_change_by_project_whatever_their_order():
    events = [
        event("hours_closed", first="2026-11-03T05:00:00+00:00", last="2026-11-03T09:00:00+00:00"),
        event("day_closed", day="2026-11-02", ends_at="2026-11-03T00:00:00+00:00"),
        event("hours_closed", first="2026-11-01T05:00:00+00:00", last="2026-11-01T05:00:00+00:00"),
        event("day_closed", OTHER, day="2026-11-09", ends_at="2026-11-10T00:00:00+00:00"),
        event("day_closed", day="2026-11-01", ends_at="2026-11-02T00:00:00+00:00"),
    ]
    expected = {
        (ORG, PROJECT): News(date(2026, 11, 2), datetime(2026, 11, 1, 5, tzinfo=UTC)),
        (ORG, OTHER): News(date(2026, 11, 9), None),
    }
    assert read_news(events) == expected
    assert read_news(reversed(events)) == expected
    assert read_news([]) == {}
