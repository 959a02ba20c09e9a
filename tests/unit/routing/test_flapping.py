"""A month in which an assumption crosses its bound every day, from the daily test to what a team is told."""

from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest

from detectors.assumptions import Assumption
from detectors.course import Breach, Setting, Standing, advance
from detectors.sequential import Test
from routing.standing import Subject
from tests.unit.detectors.series import START, days
from tests.unit.routing.desk import BEGAN, DAY, Desk, report, route

SOUND, MONTH, AFTER = 14, 30, 10
ADOPTION = {"key": "a", "metric_name": "user_adoption", "operator": ">=", "value": 60}


def told(good: float, bad: float, seed: int) -> Counter[str]:
    """Return what a team hears of it: each day is judged, and what is due is told until the next."""

    def level(day: int) -> float:
        return bad if SOUND <= day < SOUND + MONTH and day % 2 == 0 else good

    test = Test.of(Assumption.model_validate(ADOPTION), 1.0)
    standing = Standing.before(START.date(), test)
    desk = Desk(route(repeat_every=None))
    for number, batch in enumerate(days(SOUND + MONTH + AFTER, level, seed=seed)):
        standing = advance(test, standing, batch, 24, Setting(ZoneInfo("UTC")))
        at = BEGAN + (number + 1) * DAY
        desk.put(*(subject(breach) for breach in standing.breaches), at=at)
        desk.run(at + DAY)
    return Counter(tell.kind for _, tell in desk.sent)


def subject(breach: Breach) -> Subject:
    found = uuid5(UUID(int=0), str(breach.detected_at))
    since = BEGAN + (breach.day - START.date() + timedelta(days=1))
    return report(id=found, incident_id=None, since=since, is_open=breach.ended_at is None)


@pytest.mark.parametrize(("good", "bad"), [(66, 54), (72, 48), (80, 20)])
def test_it_is_told_once_at_most_that_it_broke_and_once_that_it_holds(good: float, bad: float):
    heard = [told(good, bad, seed) for seed in range(6)]
    assert all(each["detected"] <= 1 and each["resolved"] <= each["detected"] for each in heard)
    assert all(each.keys() <= {"detected", "resolved"} for each in heard)
    assert bad > 40 or all(each["detected"] for each in heard)
