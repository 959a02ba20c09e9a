"""What production says of assumptions: for how many people, and the evidence that this is (ADR 0017).

An artifact is looked at as long as it has no such evidence. Whether it can have, the counts of its hours say,
which are small; sketches of users are read only then, newest first, and no further than it takes.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from detectors.tiers import PRODUCTION_USERS, head_count
from metrics.users import UserSet
from storage import detection
from storage.detection import Watched
from storage.exclusions import excluded
from storage.ledger import Connection
from storage.tables.evidence import TELEMETRY

EVIDENCE_IDS = uuid5(NAMESPACE_URL, "urn:augentis:evidence")
CERTAIN = 100
"""The confidence, in percent: it was counted."""
AT_ONCE = 50
"""Rows that are read ahead: a sketch has 32 KiB at most."""
# No fewer than the people of some hours: a user is in one of them at least, and where none is reported it is
# samples that count (`detectors.tiers.head_count`).
_AT_MOST = "sum(CASE WHEN t.user_count > 0 THEN t.user_count ELSE t.sample_count END)"
_SERIES = """FROM telemetry AS t
    WHERE t.org_id = $1 AND t.project_id = $2 AND t.metric_name = $3
      AND t.timestamp >= $4 AND t.timestamp < $5
      AND ($6 = '' OR t.cohort = $6) AND ($7 = '' OR t.feature = $7)"""


@dataclass(frozen=True, slots=True)
class People:
    """How many people the hours from `first` to `last`, which both count, speak for."""

    heads: int
    first: datetime
    last: datetime


async def promising(connection: Connection, now: datetime) -> list[Watched]:
    """Return the live assumptions of which enough people may speak, of artifacts without such evidence."""
    found = await connection.fetch(
        f"""SELECT a.org_id, a.project_id, a.id FROM assumption AS a
            WHERE a.superseded_at IS NULL
              AND NOT EXISTS (
                  SELECT FROM evidence AS e
                  WHERE e.org_id = a.org_id AND e.artifact_id = a.artifact_id AND e.source = $3)
              AND (SELECT {_AT_MOST} FROM telemetry AS t
                   WHERE t.org_id = a.org_id AND t.project_id = a.project_id AND t.metric_name = a.metric_name
                     AND t.timestamp >= a.effective_from AND t.timestamp < $1) >= $2""",
        now,
        PRODUCTION_USERS,
        TELEMETRY,
    )
    by_project: dict[tuple[UUID, UUID], set[UUID]] = defaultdict(set)
    for org_id, project_id, assumption_id in found:
        by_project[org_id, project_id].add(assumption_id)
    return [
        item
        for project in sorted(by_project)
        for item in await detection.watched(connection, *project)
        if item.id in by_project[project]
    ]


async def enough_people(connection: Connection, item: Watched, now: datetime) -> People | None:
    """Return the people that telemetry about an assumption speaks for, None where they are too few.

    From the assumption's `effective_from` on, without the hours that the team took out; the newest first, as
    far as it takes. A user of several hours, cohorts or features counts once.
    """
    query = f"SELECT coalesce(max(t.user_count) > 0, false) {_SERIES}"
    are_reported = await connection.fetchval(query, *_series(item, now))
    taken_out = await excluded(connection, item, item.effective_from, now)
    users, samples, last = UserSet(), 0, None
    async for row in _rows(connection, item, now):
        if taken_out.covers(row["timestamp"]):
            continue
        last = last or row["timestamp"]
        samples += row["sample_count"]
        users = users | UserSet.from_bytes(row["users_sketch"])
        heads = users.count() if are_reported else head_count(0, samples)
        if heads >= PRODUCTION_USERS:
            return People(heads, row["timestamp"], last)
    return None


async def testify(connection: Connection, item: Watched, people: People) -> bool:
    """Write the evidence that production is of an artifact, and tell whether it is new."""
    status = await connection.execute(
        """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                                 evidence_count, url_or_reference, escalation_status)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'ESCALATED') ON CONFLICT DO NOTHING""",
        item.org_id,
        uuid5(EVIDENCE_IDS, str(item.artifact_id)),
        item.project_id,
        item.artifact_id,
        TELEMETRY,
        CERTAIN,
        people.heads,
        f"{item.assumption.metric_name} about assumption {item.assumption.key!r},"
        f" hours from {people.first.isoformat()} to {people.last.isoformat()}",
    )
    return status.endswith(" 1")


async def _rows(connection: Connection, item: Watched, now: datetime) -> AsyncIterator[Any]:
    query = f"SELECT t.timestamp, t.sample_count, t.users_sketch {_SERIES} ORDER BY t.timestamp DESC"
    async for row in connection.cursor(query, *_series(item, now), prefetch=AT_ONCE):
        yield row


def _series(item: Watched, now: datetime) -> tuple[Any, ...]:
    about = item.assumption
    names = (str(about.metric_name), item.effective_from, now, about.series_cohort, about.feature)
    return (item.org_id, item.project_id, *names)
