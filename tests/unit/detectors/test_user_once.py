"""A user who is sampled again counts once: in an hour, a day, and among the 1000 of the best evidence."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from random import Random
from zoneinfo import ZoneInfo

import pytest

from detectors.series import HourRow, day_batch, users_of
from detectors.tiers import PRODUCTION_USERS, EvidenceTier, telemetry_tier
from metrics.cell import Cell
from metrics.names import Metric
from storage.partials import SeriesHour
from streams.fold import Folder, Limits
from tests.unit.streams.messages import Everybody, Record, batch, sample

LIMITS = Limits(10_000, 10**6, None, 300.0)
MIDNIGHT = datetime(2026, 10, 24, tzinfo=UTC)
HOURS, PARTITIONS = 6, 3
ZONE = ZoneInfo("UTC")


def rows(samples: Iterable[object]) -> list[HourRow]:
    """What Telemetry holds after `samples` came by several partitions, a few in a chunk."""
    random = Random(3)
    parts: list[list[object]] = [[] for _ in range(PARTITIONS)]
    for each in samples:
        random.choice(parts).append(each)
    hours: dict[int, Cell] = {}
    for part in parts:
        for cells in _chunks(part, random.randrange(50, 400)):
            for where, cell in cells.items():
                hours[where.hour] = hours[where.hour] | cell if where.hour in hours else cell
    return [HourRow(datetime.fromtimestamp(hour, UTC), 1, cell) for hour, cell in sorted(hours.items())]


def _chunks(part: list[object], size: int) -> Iterable[dict[SeriesHour, Cell]]:
    for start in range(0, len(part), size):
        folder = Folder(LIMITS)
        arrivals, _ = folder.admit([Record(0, batch(part[start : start + size]))], Everybody())
        yield folder.fold(arrivals, {}, MIDNIGHT.timestamp() + 10**6).cells


def often(metric: str, users: int) -> list[object]:
    """Each of `users` several times, in each of some hours."""
    at = [MIDNIGHT + timedelta(hours=hour, minutes=7 * again) for hour in range(HOURS) for again in range(2)]
    found = [sample(1, each.timestamp(), metric, user_id=f"u{n}") for each in at for n in range(users)]
    Random(5).shuffle(found)
    return found


@pytest.mark.parametrize("metric", ["feature_usage", "user_adoption", "retention", "latency_p50"])
def test_in_hours_days_and_pooled_days(metric):
    found = rows(often(metric, 40))
    assert [row.cell.users.count() for row in found] == [40] * HOURS
    assert day_batch(Metric(metric), MIDNIGHT.date(), found, ZONE).users == 40
    assert reduce(or_, (row.cell for row in found)).users.count() == 40
    assert users_of(found) == (40, 40 * HOURS * 2)


@pytest.mark.parametrize(
    ("users", "tier"), [(PRODUCTION_USERS - 1, EvidenceTier.E1), (PRODUCTION_USERS, EvidenceTier.E4)]
)
def test_among_the_thousand_of_the_best_evidence(users, tier):
    assert telemetry_tier(*users_of(rows(often("user_adoption", users)))) is tier
