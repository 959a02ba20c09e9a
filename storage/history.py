"""What came in as history: samples through the topic for it, ready hourly rows from a file."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from detectors.assumptions import Assumption
from storage.exclusions import Judged
from storage.ledger import Connection

IMPORT = "import"
"""The source that imported rows are kept under, beside the topics of samples."""
SOURCES = ("backfill_metrics", IMPORT)
"""With the topics bound under their names. They hold no hour open; what breaks in their days pages nobody."""


@dataclass(frozen=True, slots=True)
class Past:
    """Of which series history came into which hours of a project."""

    hours: Collection[tuple[datetime, str, str, str]]

    def of(self, assumption: Assumption) -> frozenset[datetime]:
        """Return the hours into which some came of what an assumption is about."""
        wanted, cohort, feature = str(assumption.metric_name), assumption.series_cohort, assumption.feature
        return frozenset(
            hour
            for hour, metric, its_cohort, its_feature in self.hours
            if metric == wanted and cohort in ("", its_cohort) and feature in ("", its_feature)
        )


async def past(connection: Connection, project: tuple[UUID, UUID], start: datetime, end: datetime) -> Past:
    """Return the history of the hours in [start, end) of a project (organisation, project)."""
    rows = await connection.fetch(
        """SELECT DISTINCT hour, metric_name, cohort, feature FROM partial
           WHERE org_id = $1 AND project_id = $2 AND hour >= $3 AND hour < $4
             AND split_part(topic, '.', 1) = ANY ($5)""",
        *project,
        start,
        end,
        list(SOURCES),
    )
    return Past([tuple(row) for row in rows])


async def hours(connection: Connection, item: Judged, start: datetime, end: datetime) -> frozenset[datetime]:
    """Return the hours in [start, end) into which history came, of what an assumption is about."""
    rows = await connection.fetch(
        """SELECT DISTINCT hour FROM partial
           WHERE org_id = $1 AND project_id = $2 AND metric_name = $3 AND hour >= $4 AND hour < $5
             AND ($6 = '' OR cohort = $6) AND ($7 = '' OR feature = $7)
             AND split_part(topic, '.', 1) = ANY ($8)""",
        item.org_id,
        item.project_id,
        str(item.assumption.metric_name),
        start,
        end,
        item.assumption.series_cohort,
        item.assumption.feature,
        list(SOURCES),
    )
    return frozenset(row["hour"] for row in rows)
